#include "core/sigv4.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

void AppendCollapsed(std::string_view value, std::string* out) {
  if (value.find(' ') == std::string_view::npos) {
    out->append(value);
    return;
  }
  const std::size_t start = out->size();
  bool pending_space = false;
  for (const char c : value) {
    if (c == ' ') {
      pending_space = true;
      continue;
    }
    if (pending_space && out->size() > start) out->push_back(' ');
    pending_space = false;
    out->push_back(c);
  }
}

// The four derived keys are secrets like the first one.
class WipedDigest {
 public:
  explicit WipedDigest(const Sha256Digest& digest) : digest_(digest) {}
  WipedDigest(const WipedDigest&) = delete;
  ~WipedDigest() { OPENSSL_cleanse(digest_.data(), digest_.size()); }
  std::string_view view() const { return AsView(digest_); }

 private:
  Sha256Digest digest_;
};

}  // namespace

void FieldList::Clear() {
  text_.clear();
  fields_.clear();
  next_ = 0;
}

bool SignedHeaders::Contains(std::string_view wanted) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& field) { return EqualsLower(wanted, name(field)); });
}

bool FieldList::Contains(std::string_view wanted) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& field) { return name(field) == wanted; });
}

bool FieldList::operator==(const FieldList& other) const {
  return text_ == other.text_ && fields_ == other.fields_;
}

std::uint32_t FieldList::Offset() const {
  // What a caller gives is limited before it comes here; credentials, say, are not.
  constexpr std::size_t kMaxBytes = 65536;
  if (text_.size() > kMaxBytes) {
    throw Error(ErrorCode::kTooLarge, "a request's query or headers exceed the limit of 64 KiB");
  }
  return static_cast<std::uint32_t>(text_.size());
}

void FieldList::EndName() { fields_.push_back({next_, Offset(), 0}); }

void FieldList::EndValue() { next_ = fields_.back().end = Offset(); }

std::string_view FieldList::name(const Field& field) const {
  return std::string_view(text_).substr(field.name, field.value - field.name);
}

std::string_view FieldList::value(const Field& field) const {
  return std::string_view(text_).substr(field.value, field.end - field.value);
}

void FieldList::Sort() {
  std::sort(fields_.begin(), fields_.end(), [this](const Field& a, const Field& b) {
    const int order = name(a).compare(name(b));
    return order != 0 ? order < 0 : value(a) < value(b);
  });
}

void QueryParameters::Add(std::string_view name, std::string_view value) {
  AppendUriEncoded(name, &text_);
  EndName();
  AppendUriEncoded(value, &text_);
  EndValue();
}

void QueryParameters::AppendTo(std::string* out) const {
  for (const Field& field : fields_) {
    if (&field != &fields_.front()) out->push_back('&');
    out->append(name(field)).append("=").append(value(field));
  }
}

void SignedHeaders::Add(std::string_view name, std::string_view value) {
  const std::size_t start = text_.size();
  text_.append(name);
  std::transform(text_.begin() + static_cast<std::ptrdiff_t>(start), text_.end(),
                 text_.begin() + static_cast<std::ptrdiff_t>(start), ToLower);
  EndName();
  AppendCollapsed(value, &text_);
  EndValue();
}

void SignedHeaders::AppendCanonicalHeaders(std::string* out) const {
  for (const Field& field : fields_) {
    out->append(name(field)).append(":").append(value(field)).append("\n");
  }
}

void SignedHeaders::AppendNames(std::string* out) const {
  for (const Field& field : fields_) {
    if (&field != &fields_.front()) out->push_back(';');
    out->append(name(field));
  }
}

void AppendCanonicalRequest(std::string_view method, std::string_view canonical_uri,
                            const QueryParameters& query, const SignedHeaders& headers,
                            std::string_view payload_hash, std::string* out) {
  out->append(method).append("\n").append(canonical_uri);
  AppendCanonicalRequestTail(query, headers, payload_hash, out);
}

void AppendCanonicalRequestTail(const QueryParameters& query, const SignedHeaders& headers,
                                std::string_view payload_hash, std::string* out) {
  out->append("\n");
  query.AppendTo(out);
  out->append("\n");
  headers.AppendCanonicalHeaders(out);
  out->append("\n");
  headers.AppendNames(out);
  out->append("\n").append(payload_hash);
}

void AppendCredentialScope(const UtcTime& time, std::string_view region, std::string_view service,
                           std::string* out) {
  out->append(time.date()).append("/").append(region).append("/").append(service);
  out->append("/aws4_request");
}

void AppendStringToSign(const UtcTime& time, std::string_view credential_scope,
                        const Sha256Digest& canonical_request_hash, std::string* out) {
  AppendStringToSignHead(time, credential_scope, out);
  AppendHex(canonical_request_hash.data(), canonical_request_hash.size(), out);
}

void AppendStringToSignHead(const UtcTime& time, std::string_view credential_scope,
                            std::string* out) {
  out->append(kAlgorithm).append("\n").append(time.timestamp()).append("\n");
  out->append(credential_scope).append("\n");
}

HmacSha256Key DeriveSigningKey(Sha256& sha256, std::string_view secret_access_key,
                               std::string_view date, std::string_view region,
                               std::string_view service) {
  SecretString first("AWS4");
  first.append(secret_access_key);
  const WipedDigest date_key(HmacSha256Key(sha256, first).Sign(date));
  const WipedDigest region_key(HmacSha256Key(sha256, date_key.view()).Sign(region));
  const WipedDigest service_key(HmacSha256Key(sha256, region_key.view()).Sign(service));
  const WipedDigest signing_key(HmacSha256Key(sha256, service_key.view()).Sign("aws4_request"));
  return HmacSha256Key(sha256, signing_key.view());
}

void AppendSignature(HmacSha256Key& signing_key, std::string_view string_to_sign,
                     std::string* out) {
  const Sha256Digest signature = signing_key.Sign(string_to_sign);
  AppendHex(signature.data(), signature.size(), out);
}

void AppendAuthorization(std::string_view access_key_id, std::string_view credential_scope,
                         const SignedHeaders& headers, std::string_view signature,
                         std::string* out) {
  out->append(kAlgorithm).append(" Credential=").append(access_key_id).append("/");
  out->append(credential_scope).append(", SignedHeaders=");
  headers.AppendNames(out);
  out->append(", Signature=").append(signature);
}

HmacSha256Key& SigV4Signer::SigningKey(std::string_view secret_access_key, std::string_view date,
                                       std::string_view region, std::string_view service) {
  const bool hit = key_ && date_ == date && region_ == region && service_ == service &&
                   secret_access_key_ == secret_access_key;
  if (hit) return *key_;
  key_.reset();
  secret_access_key_ = secret_access_key;
  date_ = date;
  region_ = region;
  service_ = service;
  return key_.emplace(DeriveSigningKey(sha256_, secret_access_key, date, region, service));
}

SecretString SigV4Signer::Authorize(const RequestToSign& request, std::string_view region,
                                    std::string_view service, const Credentials& credentials,
                                    const UtcTime& time) {
  std::string canonical_request, scope, string_to_sign, signature, authorization;
  AppendCanonicalRequest(request.method, request.canonical_uri, request.query, request.headers,
                         request.payload_hash, &canonical_request);
  AppendCredentialScope(time, region, service, &scope);
  AppendStringToSign(time, scope, Digest(canonical_request), &string_to_sign);
  OPENSSL_cleanse(canonical_request.data(), canonical_request.size());  // it has the session token
  AppendSignature(SigningKey(credentials.secret_access_key, time.date(), region, service),
                  string_to_sign, &signature);
  AppendAuthorization(credentials.access_key_id, scope, request.headers, signature, &authorization);
  return SecretString(authorization);
}

}  // namespace neon_s3

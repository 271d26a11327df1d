#include "core/presign.h"

#include <algorithm>
#include <iterator>

#include "core/encoding.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

// Parameters (and, in lower case, headers) that only the signer sets.
constexpr std::string_view kReserved[] = {
    "x-amz-algorithm",     "x-amz-credential", "x-amz-date",           "x-amz-expires",
    "x-amz-signedheaders", "x-amz-signature",  "x-amz-security-token",
};

constexpr std::string_view kOverride = "response-";

bool IsReserved(std::string_view name) {
  return std::any_of(std::begin(kReserved), std::end(kReserved),
                     [name](std::string_view reserved) { return EqualsLower(name, reserved); });
}

[[noreturn]] void RefuseReserved(const char* what, std::string_view name) {
  throw Error(ErrorCode::kBadArgument,
              std::string(what) + " \"" + std::string(name) + "\" is set by the signer",
              "Leave it out; the signature adds it.");
}

char* Put(std::string_view text, char* out) { return std::copy(text.begin(), text.end(), out); }

// With one '/' between the address's part and the key.
bool NeedsSlash(const Address& address, bool has_key) {
  return address.path_prefix.empty() || (has_key && address.path_prefix.back() != '/');
}

std::size_t MaxPathSize(const PresignRequest& request) {
  return request.address->path_prefix.size() + 1 + kMaxEscape * request.key.value_or("").size();
}

char* PutPath(const Address& address, std::optional<std::string_view> key, char* out) {
  out = Put(address.path_prefix, out);
  if (NeedsSlash(address, key.has_value())) *out++ = '/';
  return key ? EncodeUriPath(*key, out) : out;
}

}  // namespace

std::string_view ParseMethod(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
  const std::string lower = LowerCase(method);
  for (const std::string_view known : kMethods) {
    if (LowerCase(known) == lower) return known;
  }
  throw Error(ErrorCode::kBadArgument, "unknown method \"" + std::string(method) + "\"",
              "Use GET, HEAD, PUT, POST or DELETE.");
}

void AddQueryParameter(std::string_view name, std::string_view value, QueryParameters* query) {
  RequireWithin(kQueryLimit, query->size() + name.size() + value.size());
  if (name.empty()) throw Error(ErrorCode::kBadArgument, "query parameter has an empty name");
  if (IsReserved(name)) RefuseReserved("query parameter", name);
  if (EqualsLower(name.substr(0, kOverride.size()), kOverride) && HasControls(value)) {
    throw Error(ErrorCode::kBadArgument,
                "query parameter \"" + std::string(name) + "\" has control characters");
  }
  std::string encoded;
  AppendUriEncoded(name, &encoded);
  if (query->Contains(encoded)) {
    throw Error(ErrorCode::kBadArgument,
                "query parameter \"" + std::string(name) + "\" is given twice");
  }
  query->Add(name, value);
  RequireWithin(kQueryLimit, query->size());
}

bool IsSetBySigner(std::string_view name) {
  return EqualsLower(name, "host") || EqualsLower(name, "authorization") || IsReserved(name);
}

void AddSignedHeader(std::string_view name, std::string_view value, SignedHeaders* headers) {
  if (!IsToken(name)) {
    throw Error(ErrorCode::kBadArgument, "invalid header name \"" + WithoutControls(name) + "\"");
  }
  if (IsSetBySigner(name)) RefuseReserved("header", name);
  AddKnownHeader(name, value, headers);
}

void AddKnownHeader(std::string_view name, std::string_view value, SignedHeaders* headers) {
  RequireWithin(kHeadersLimit, headers->size() + name.size() + value.size());
  if (HasControls(value)) {
    throw Error(ErrorCode::kBadArgument,
                "header \"" + LowerCase(name) + "\" has control characters");
  }
  if (headers->Contains(name)) {
    throw Error(ErrorCode::kBadArgument, "header \"" + LowerCase(name) + "\" is given twice");
  }
  headers->Add(name, value);
}

void AppendObjectUrl(const Address& address, std::optional<std::string_view> key,
                     std::string* out) {
  out->append(address.scheme).append("://").append(address.host);
  out->append(address.path_prefix);
  if (NeedsSlash(address, key.has_value())) out->push_back('/');
  if (key) AppendUriEncodedPath(*key, out);
}

std::size_t PresignedUrl::size() const {
  return origin.size() + path.size() + query.size() + signature.size();
}

void PresignedUrl::CopyTo(char* out) const {
  for (const std::string_view part : {origin, path, query, signature}) out = Put(part, out);
}

std::string PresignedUrl::url() const {
  std::string url(size(), '\0');
  CopyTo(url.data());
  return url;
}

void PresignRequest::Clear() {
  query.Clear();
  headers.Clear();
}

bool Presigner::IsSameOrigin(const PresignRequest& request, const Credentials& credentials) const {
  return signing_key_ && origin_.signed_at == request.signed_at &&
         origin_.host == request.address->host && origin_.scheme == request.address->scheme &&
         origin_.region == request.region && origin_.access_key_id == credentials.access_key_id &&
         origin_.secret_access_key == credentials.secret_access_key &&
         origin_.session_token == credentials.session_token;
}

void Presigner::BuildOrigin(const PresignRequest& request, const Credentials& credentials) {
  signing_key_.reset();  // until all is done
  kinds_.clear();
  const UtcTime time(request.signed_at);
  origin_.scheme = request.address->scheme;
  origin_.host = request.address->host;
  origin_.region = request.region;
  origin_.access_key_id = credentials.access_key_id;
  origin_.secret_access_key = credentials.secret_access_key;
  origin_.session_token = credentials.session_token;
  origin_.signed_at = request.signed_at;

  origin_text_.assign(origin_.scheme).append("://").append(origin_.host);
  scope_.clear();
  AppendCredentialScope(time, request.region, kS3Service, &scope_);
  string_to_sign_.clear();
  AppendStringToSignHead(time, scope_, &string_to_sign_);
  HmacSha256Key signing_key =
      signer_.SigningKey(credentials.secret_access_key, time.date(), request.region, kS3Service)
          .WithPrefix(string_to_sign_);
  string_to_sign_.append(kHashDigits, '0');
  signing_key_ = std::move(signing_key);
}

const Presigner::Kind& Presigner::FindKind(const PresignRequest& request) {
  for (const Kind& kind : kinds_) {
    if (kind.expires_in == request.expires_in && kind.headers == request.headers &&
        kind.query == request.query) {
      return kind;
    }
  }
  if (kinds_.size() == kMaxKinds) kinds_.clear();
  return BuildKind(request);
}

const Presigner::Kind& Presigner::BuildKind(const PresignRequest& request) {
  Kind kind{request.expires_in, request.query, request.headers, "?", ""};
  SignedHeaders headers = request.headers;
  QueryParameters query = request.query;
  headers.Add("host", origin_.host);
  headers.SortByName();
  query.SortByEncodedName();
  AddSignatureParameters(request.expires_in, headers, &query);
  query.AppendTo(&kind.url_query);
  kind.url_query.append("&X-Amz-Signature=");
  query.SortByEncodedName();
  AppendCanonicalRequestTail(query, headers, kUnsignedPayload, &kind.canonical_tail);
  return kinds_.emplace_back(std::move(kind));
}

// In botocore's order.
void Presigner::AddSignatureParameters(std::int64_t expires_in, const SignedHeaders& headers,
                                       QueryParameters* query) {
  query->Add("X-Amz-Algorithm", kAlgorithm);
  scratch_.assign(origin_.access_key_id).append("/").append(scope_);
  query->Add("X-Amz-Credential", scratch_);
  query->Add("X-Amz-Date", UtcTime(origin_.signed_at).timestamp());
  scratch_.clear();
  AppendDecimal(expires_in, &scratch_);
  query->Add("X-Amz-Expires", scratch_);
  scratch_.clear();
  headers.AppendNames(&scratch_);
  query->Add("X-Amz-SignedHeaders", scratch_);
  if (!origin_.session_token.empty()) {
    query->Add("X-Amz-Security-Token", origin_.session_token);
  }
}

char* Presigner::ReserveCanonicalRequest(std::size_t size) {
  if (canonical_request_.size() < size) canonical_request_.resize(size);
  return canonical_request_.data();
}

PresignedUrl Presigner::Presign(const PresignRequest& request, const Credentials& credentials) {
  if (!IsSameOrigin(request, credentials)) BuildOrigin(request, credentials);
  const Kind& kind = FindKind(request);

  char* const start = ReserveCanonicalRequest(request.method.size() + 1 + MaxPathSize(request) +
                                              kind.canonical_tail.size());
  char* const path = Put("\n", Put(request.method, start));
  char* const tail = PutPath(*request.address, request.key, path);
  const char* const end = Put(kind.canonical_tail, tail);
  const std::string_view canonical_request(start, static_cast<std::size_t>(end - start));

  const Sha256Digest hash = signer_.Digest(canonical_request);
  char* const hash_text = string_to_sign_.data() + string_to_sign_.size() - kHashDigits;
  PutHex(hash.data(), hash.size(), hash_text);
  const Sha256Digest signature = signing_key_->Sign({hash_text, kHashDigits});
  PutHex(signature.data(), signature.size(), signature_);
  return {origin_text_,
          {path, static_cast<std::size_t>(tail - path)},
          kind.url_query,
          {signature_, kHashDigits},
          canonical_request,
          string_to_sign_,
          scope_};
}

}  // namespace neon_s3

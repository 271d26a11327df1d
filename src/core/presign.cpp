#include "core/presign.h"

#include <algorithm>
#include <iterator>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

// Parameters (and, in lower case, headers) that only the signer sets.
constexpr std::string_view kReserved[] = {
    "x-amz-algorithm",     "x-amz-credential", "x-amz-date",           "x-amz-expires",
    "x-amz-signedheaders", "x-amz-signature",  "x-amz-security-token",
};

bool IsReserved(std::string_view lower_name) {
  return std::find(std::begin(kReserved), std::end(kReserved), lower_name) != std::end(kReserved);
}

[[noreturn]] void RefuseReserved(const char* what, std::string_view name) {
  throw Error(ErrorCode::kBadArgument,
              std::string(what) + " \"" + std::string(name) + "\" is set by the signer",
              "Leave it out; the signature adds it.");
}

void AppendPath(const Address& address, std::optional<std::string_view> key, std::string* out) {
  out->append(address.path_prefix);
  if (address.path_prefix.empty() || (key && address.path_prefix.back() != '/')) out->push_back('/');
  if (key) AppendUriEncodedPath(*key, out);
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
  const std::string lower = LowerCase(name);
  if (name.empty()) throw Error(ErrorCode::kBadArgument, "query parameter has an empty name");
  if (IsReserved(lower)) RefuseReserved("query parameter", name);
  if (StartsWith(lower, "response-") && HasControls(value)) {
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
}

void AddSignedHeader(std::string_view name, std::string_view value, SignedHeaders* headers) {
  const std::string lower = LowerCase(name);
  if (!IsToken(name)) {
    throw Error(ErrorCode::kBadArgument, "invalid header name \"" + WithoutControls(name) + "\"");
  }
  if (lower == "host" || lower == "authorization" || IsReserved(lower)) {
    RefuseReserved("header", name);
  }
  if (HasControls(value)) {
    throw Error(ErrorCode::kBadArgument, "header \"" + lower + "\" has control characters");
  }
  if (headers->Contains(lower)) {
    throw Error(ErrorCode::kBadArgument, "header \"" + lower + "\" is given twice");
  }
  headers->Add(lower, value);
}

void AppendObjectUrl(const Address& address, std::optional<std::string_view> key, std::string* out) {
  out->append(address.scheme).append("://").append(address.host);
  AppendPath(address, key, out);
}

void Presigner::Begin() {
  query_.Clear();
  headers_.Clear();
}

// In botocore's order.
void Presigner::AddSignatureParameters(const PresignRequest& request, const Credentials& credentials,
                                       const UtcTime& time) {
  query_.Add("X-Amz-Algorithm", kAlgorithm);
  scratch_.assign(credentials.access_key_id).append("/").append(scope_);
  query_.Add("X-Amz-Credential", scratch_);
  query_.Add("X-Amz-Date", time.timestamp());
  scratch_.clear();
  AppendDecimal(request.expires_in, &scratch_);
  query_.Add("X-Amz-Expires", scratch_);
  scratch_.clear();
  headers_.AppendNames(&scratch_);
  query_.Add("X-Amz-SignedHeaders", scratch_);
  if (!credentials.session_token.empty()) {
    query_.Add("X-Amz-Security-Token", credentials.session_token);
  }
}

PresignedUrl Presigner::Presign(const PresignRequest& request, const Credentials& credentials) {
  const UtcTime time(request.signed_at);
  scope_.clear();
  AppendCredentialScope(time, request.region, kS3Service, &scope_);
  headers_.Add("host", request.address->host);
  headers_.SortByName();

  url_.assign(request.address->scheme).append("://").append(request.address->host);
  canonical_uri_.clear();
  AppendPath(*request.address, request.key, &canonical_uri_);
  url_.append(canonical_uri_).append("?");

  query_.SortByEncodedName();
  AddSignatureParameters(request, credentials, time);
  query_.AppendTo(&url_);
  query_.SortByEncodedName();

  canonical_request_.clear();
  AppendCanonicalRequest(request.method, canonical_uri_, query_, headers_, kUnsignedPayload,
                         &canonical_request_);
  string_to_sign_.clear();
  AppendStringToSign(time, scope_, sha256_.Digest(canonical_request_), &string_to_sign_);

  HmacSha256Key& signing_key = signing_keys_.Get(sha256_, credentials.secret_access_key, time.date(),
                                                 request.region, kS3Service);
  signature_.clear();
  AppendSignature(signing_key, string_to_sign_, &signature_);
  url_.append("&X-Amz-Signature=").append(signature_);
  return {url_, canonical_request_, string_to_sign_, scope_, signature_};
}

}  // namespace neon_s3

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
  scratch_.assign(credentials.access_key_id).append("/").append(common_.scope);
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

bool Presigner::IsCommon(const PresignRequest& request, const Credentials& credentials) const {
  return common_.signing_key && input_.signed_at == request.signed_at &&
         input_.expires_in == request.expires_in && input_.host == request.address->host &&
         input_.scheme == request.address->scheme && input_.region == request.region &&
         input_.access_key_id == credentials.access_key_id &&
         input_.secret_access_key == credentials.secret_access_key &&
         input_.session_token == credentials.session_token && input_.query == query_ &&
         input_.headers == headers_;
}

void Presigner::BuildCommon(const PresignRequest& request, const Credentials& credentials) {
  common_ = Common();  // with no signing key, until all is done
  const UtcTime time(request.signed_at);
  input_.scheme = request.address->scheme;
  input_.host = request.address->host;
  input_.region = request.region;
  input_.access_key_id = credentials.access_key_id;
  input_.secret_access_key = credentials.secret_access_key;
  input_.session_token = credentials.session_token;
  input_.expires_in = request.expires_in;
  input_.signed_at = request.signed_at;
  input_.query = query_;
  input_.headers = headers_;

  AppendCredentialScope(time, request.region, kS3Service, &common_.scope);
  headers_.Add("host", request.address->host);
  headers_.SortByName();
  query_.SortByEncodedName();
  AddSignatureParameters(request, credentials, time);
  common_.origin.append(request.address->scheme).append("://").append(request.address->host);
  common_.url_tail.append("?");
  query_.AppendTo(&common_.url_tail);
  common_.url_tail.append("&X-Amz-Signature=");
  query_.SortByEncodedName();
  AppendCanonicalRequestTail(query_, headers_, kUnsignedPayload, &common_.canonical_tail);
  AppendStringToSignHead(time, common_.scope, &common_.string_to_sign_head);
  common_.signing_key = signing_keys_
                            .Get(sha256_, credentials.secret_access_key, time.date(), request.region,
                                 kS3Service)
                            .WithPrefix(common_.string_to_sign_head);
}

PresignedUrl Presigner::Presign(const PresignRequest& request, const Credentials& credentials) {
  if (!IsCommon(request, credentials)) BuildCommon(request, credentials);

  canonical_request_.assign(request.method).append("\n");
  const std::size_t uri = canonical_request_.size();
  AppendPath(*request.address, request.key, &canonical_request_);
  url_.assign(common_.origin).append(canonical_request_, uri).append(common_.url_tail);
  canonical_request_.append(common_.canonical_tail);

  const Sha256Digest hash = sha256_.Digest(canonical_request_);
  string_to_sign_.assign(common_.string_to_sign_head);
  AppendHex(hash.data(), hash.size(), &string_to_sign_);
  const std::string_view hash_text =
      std::string_view(string_to_sign_).substr(common_.string_to_sign_head.size());
  const Sha256Digest signature = common_.signing_key->Sign(hash_text);
  AppendHex(signature.data(), signature.size(), &url_);
  const std::string_view signature_text = std::string_view(url_).substr(url_.size() - 64);
  return {url_, canonical_request_, string_to_sign_, common_.scope, signature_text};
}

}  // namespace neon_s3

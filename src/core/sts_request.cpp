#include "core/sts_request.h"

#include <openssl/crypto.h>

#include "core/crypto.h"
#include "core/encoding.h"
#include "core/sigv4.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kService = "sts";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded; charset=utf-8";
constexpr std::string_view kDefaultSessionName = "neon_s3";

// An HTML form's body, percent-encoded.
class Form {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string encoded;
    encoded.reserve(value.size() * 3);  // never moved, so that nothing is left behind
    AppendUriEncoded(value, &encoded);
    if (!body_.empty()) body_.append("&");
    body_.append(name).append("=").append(encoded);
    OPENSSL_cleanse(encoded.data(), encoded.size());
  }

  SecretString Take() { return std::move(body_); }

 private:
  SecretString body_;
};

StsRequest MakeRequest(const Endpoint& endpoint, std::string_view action, const RoleArguments& role,
                       std::string_view web_identity_token) {
  Form form;
  form.Add("Action", action);
  form.Add("Version", "2011-06-15");
  form.Add("RoleArn", role.role_arn);
  form.Add("RoleSessionName",
           role.role_session_name.empty() ? kDefaultSessionName : role.role_session_name);
  form.Add("ExternalId", role.external_id);
  form.Add("DurationSeconds", role.duration_seconds);
  form.Add("WebIdentityToken", web_identity_token);
  StsRequest request{endpoint.url() + "/", {}, form.Take()};
  request.headers.push_back({"Content-Type", SecretString(kFormType)});
  return request;
}

SecretString Authorization(const Endpoint& endpoint, std::string_view region,
                           const SignedHeaders& headers, const Credentials& credentials,
                           const UtcTime& time, const SecretString& body) {
  SigV4Signer signer;
  const Sha256Digest payload = signer.Digest(body);
  std::string payload_hash;
  AppendHex(payload.data(), payload.size(), &payload_hash);
  const std::string path = endpoint.base_path + "/";
  return signer.Authorize({"POST", path, {}, headers, payload_hash}, region, kService, credentials,
                          time);
}

}  // namespace

StsRequest MakeAssumeRole(const Endpoint& endpoint, std::string_view region,
                          const RoleArguments& role, const Credentials& credentials,
                          const UtcTime& time) {
  StsRequest request = MakeRequest(endpoint, "AssumeRole", role, {});
  request.headers.push_back({"X-Amz-Date", SecretString(time.timestamp())});
  if (!credentials.session_token.empty()) {
    request.headers.push_back({"X-Amz-Security-Token", SecretString(credentials.session_token)});
  }
  SignedHeaders headers;
  headers.Add("host", endpoint.authority());
  for (const HttpHeader& header : request.headers) headers.Add(header.name, header.value);
  headers.SortByName();
  request.headers.push_back(
      {"Authorization", Authorization(endpoint, region, headers, credentials, time, request.body)});
  return request;
}

StsRequest MakeAssumeRoleWithWebIdentity(const Endpoint& endpoint, const RoleArguments& role,
                                         std::string_view web_identity_token) {
  return MakeRequest(endpoint, "AssumeRoleWithWebIdentity", role, web_identity_token);
}

}  // namespace neon_s3

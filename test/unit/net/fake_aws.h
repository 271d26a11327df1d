// AWS's protocols for credentials, in a server of the test's own, and a chain that asks it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "core/utc_time.h"
#include "http_server.h"
#include "net/credential_chain.h"
#include "net_test_util.h"

namespace neon_s3::test {

constexpr std::int64_t kNow = 1769860800;  // 2026-01-31T12:00:00Z
constexpr char kTokenHeader[] = "x-aws-ec2-metadata-token";

inline std::string Time(std::int64_t seconds) { return UtcTime(seconds).extended(); }

inline std::string Document(const std::string& id, std::int64_t expires_at = kNow + 3600) {
  return R"({"Code":"Success","LastUpdated":"2026-01-31T11:00:00Z","Type":"AWS-HMAC","AccessKeyId":")" +
         id + R"(","SecretAccessKey":"CANARY-SECRET","Token":"CANARY-TOKEN","Expiration":")" +
         Time(expires_at) + "\"}";
}

inline std::string StsReply(const std::string& action, const std::string& id,
                            std::int64_t expires_at = kNow + 3600) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result><Credentials><AccessKeyId>" + id +
         "</AccessKeyId><SecretAccessKey>CANARY-SECRET</"
         "SecretAccessKey><SessionToken>CANARY-TOKEN</SessionToken>"
         "<Expiration>" +
         Time(expires_at) + "</Expiration></Credentials></" + action + "Result></" + action +
         "Response>";
}

inline std::string StsError(const std::string& code) {
  return "<ErrorResponse "
         "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>" +
         code +
         "</Code><Message>CANARY-SECRET in x-amz-security-token:CANARY-TOKEN</Message></Error>" +
         "<RequestId>c6104cbe</RequestId></ErrorResponse>";
}

inline std::string FormValue(const std::string& body, const std::string& name) {
  const std::string text = "&" + body;
  const std::size_t at = text.find("&" + name + "=");
  if (at == std::string::npos) return "none";
  const std::size_t start = at + name.size() + 2;
  return text.substr(start, text.find('&', start) - start);
}

// The three protocols in one server, as AWS documents them.
inline ServedReply FakeAws(const ServedRequest& request) {
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  if (request.target == "/latest/api/token") {
    const bool valid = request.method == "PUT" &&
                       request.headers.count("x-aws-ec2-metadata-token-ttl-seconds") == 1;
    return ServedReply::Of(valid ? 200 : 400, valid ? "session-token" : "");
  }
  if (request.target.compare(0, roles.size(), roles) == 0) {
    const auto token = request.headers.find(kTokenHeader);
    if (token == request.headers.end() || token->second != "session-token")
      return ServedReply::Of(401, "");
    return ServedReply::Of(200, request.target == roles ? "files-role" : Document("INSTANCE"));
  }
  if (request.target == "/container?x=1") return ServedReply::Of(200, Document("CONTAINER"));
  const std::string action = FormValue(request.body, "Action");
  return ServedReply::Of(200, StsReply(action, action == "AssumeRole" ? "ROLE" : "WEB"));
}

class CredentialChainTest : public testing::Test {
 protected:
  CredentialChainTest() {
    environment_.Set("AWS_CONFIG_FILE", directory_.Write("config", ""));
    environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.url());
    environment_.Set("AWS_ENDPOINT_URL_STS", server_.url() + "/sts");
    request_.region = "eu-central-1";
  }

  void UseContainer(const std::string& path = "/container?x=1") {
    environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server_.url() + path);
  }
  void UseWebIdentity() {
    environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE",
                     directory_.Write("token", "ey.CANARY.J\n", 0644));
    environment_.Set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web");
  }
  void UseRole() {
    request_.role_arn = "arn:aws:iam::123456789012:role/files";
    request_.static_credentials = {"STATIC", "CANARY-STATIC", ""};
  }

  std::optional<CredentialChain::Found> Resolve(const char* providers, std::int64_t now = kNow) {
    request_.providers = providers;
    return chain_.Resolve(request_, now, nullptr);
  }
  std::string Show(const char* providers, std::int64_t now = kNow) {
    const auto found = Resolve(providers, now);
    if (!found) return "nothing";
    return std::string(found->credentials.access_key_id) + "/" +
           std::string(ProviderName(found->provider));
  }
  Error ErrorFor(const char* providers) {
    Error error = ErrorOf([&] { Resolve(providers); });
    EXPECT_EQ(AllOf(error).find("CANARY"), std::string::npos) << AllOf(error);
    return error;
  }

  TemporaryDirectory directory_;
  CleanEnvironment environment_;
  HttpServer server_{FakeAws};
  ChainRequest request_;
  CredentialChain chain_{TestClock};
};

}  // namespace neon_s3::test

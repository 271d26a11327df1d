#include "net/credential_sources.h"

#include <ctime>

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "core/encoding.h"
#include "fake_aws.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using namespace test;

using CredentialSourcesTest = CredentialChainTest;

TEST_F(CredentialSourcesTest, GetsInstanceCredentialsByVersionTwo) {
  const auto found = Resolve("static, instance");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.access_key_id, "INSTANCE");
  EXPECT_EQ(found->credentials.secret_access_key, "CANARY-SECRET");
  EXPECT_EQ(found->credentials.session_token, "CANARY-TOKEN");
  EXPECT_EQ(found->provider, Provider::kInstance);
  EXPECT_EQ(found->expires_at, kNow + 3600);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].method + requests[0].target, "PUT/latest/api/token");
  EXPECT_EQ(requests[0].headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[2].target, "/latest/meta-data/iam/security-credentials/files-role");
  EXPECT_EQ(Show("instance"), "INSTANCE/instance");
  EXPECT_EQ(server_.request_count(), 3u);
}

TEST_F(CredentialSourcesTest, FallsBackToNoOlderMetadata) {
  server_.Handle([](const ServedRequest& request) {
    return request.method == "PUT" ? ServedReply::Of(404, "")
                                   : ServedReply::Of(200, Document("V1"));
  });
  EXPECT_EQ(ErrorFor("instance").code(), ErrorCode::kRefused);
  EXPECT_EQ(server_.request_count(), 1u);
}

TEST_F(CredentialSourcesTest, TakesAnInstanceWithoutARoleForNothing) {
  server_.Handle([](const ServedRequest& request) {
    return request.method == "PUT" ? ServedReply::Of(200, "t") : ServedReply::Of(404, "<html/>");
  });
  EXPECT_EQ(Show("instance"), "nothing");
  EXPECT_EQ(Show("instance"), "nothing");
  EXPECT_EQ(server_.request_count(), 2u);
}

TEST_F(CredentialSourcesTest, TakesNoPathForARole) {
  for (const char* name : {"", "a/../b", "..", "a b", "<html>", "a\r\nX: y"}) {
    server_.Handle([name](const ServedRequest& request) {
      return ServedReply::Of(200, request.method == "PUT" ? "t" : name);
    });
    CredentialChain chain;
    request_.providers = "instance";
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_EQ(error.detail(),
              "instance: malformed reply from instance metadata (It does not name a role.)");
  }
}

TEST_F(CredentialSourcesTest, GetsContainerCredentials) {
  UseContainer();
  environment_.Set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "plain token");
  EXPECT_EQ(Show("container"), "CONTAINER/container");
  EXPECT_EQ(server_.requests().at(0).target, "/container?x=1");
  EXPECT_EQ(server_.requests().at(0).headers.at("authorization"), "plain token");

  environment_.Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                   directory_.Write("token", "from-file\n", 0644));
  EXPECT_EQ(Show("container"), "CONTAINER/container");
  EXPECT_EQ(server_.requests().at(1).headers.at("authorization"), "from-file");
}

TEST_F(CredentialSourcesTest, ReadsTheContainersTokenEachTime) {
  UseContainer();
  environment_.Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                   directory_.Write("token", "one", 0644));
  Show("container");
  directory_.Write("token", "two", 0644);
  Pass(1h);
  Show("container", kNow + 3400);
  EXPECT_EQ(server_.requests().at(1).headers.at("authorization"), "two");
  directory_.Write("token", "two\r\nX-Evil: CANARY", 0644);
  CredentialChain chain;
  EXPECT_EQ(ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); }).code(),
            ErrorCode::kCredentialsFile);
  std::filesystem::remove(directory_ / "token");
  EXPECT_EQ(ErrorOf([&] { CredentialChain().Resolve(request_, kNow, nullptr); }).code(),
            ErrorCode::kCredentialsFile);
}

TEST_F(CredentialSourcesTest, TrustsContainerHostsAsAwsDoes) {
  const auto refusal = [this](const char* uri) {
    environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
    return ErrorFor("container").code();
  };
  for (const char* uri : {"http://example.com/", "http://10.0.0.1/", "http://169.254.170.3/",
                          "http://169.254.169.254/", "http://[fd00:ec2::24]/",
                          "http://127.0.0.1.example.com/", "http://localhost.example.com/"}) {
    EXPECT_EQ(refusal(uri), ErrorCode::kNotPermitted) << uri;
  }
  for (const char* uri : {"http://user:CANARY@127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
                          "http://127.0.0.1/a#b", "http://127.0.0.1/a b"}) {
    EXPECT_EQ(refusal(uri), ErrorCode::kBadArgument) << uri;
  }
  // Nobody listens, but they may be asked.
  const SilentPort closed(SilentPort::kClosed);
  const std::string port = closed.url().substr(closed.url().rfind(':'));
  for (const char* host : {"http://127.0.0.1", "http://127.1.2.3", "http://[::1]",
                           "http://localhost", "https://127.0.0.1"}) {
    EXPECT_EQ(refusal((host + port + "/x").c_str()), ErrorCode::kNoCredentials) << host;
  }
  environment_.Set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "no-slash");
  EXPECT_EQ(ErrorFor("container").code(), ErrorCode::kBadArgument);
}

TEST_F(CredentialSourcesTest, TradesAWebIdentity) {
  UseWebIdentity();
  environment_.Set("AWS_ROLE_SESSION_NAME", "pod");
  EXPECT_EQ(Show("web_identity"), "WEB/web_identity");
  const ServedRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method + request.target, "POST/sts/");
  EXPECT_EQ(request.headers.count("authorization"), 0u);
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
            "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fweb&RoleSessionName=pod&"
            "WebIdentityToken=ey.CANARY.J");
}

TEST_F(CredentialSourcesTest, WantsTokenFileAndRoleForAWebIdentity) {
  UseWebIdentity();
  environment_.Set("AWS_ROLE_ARN", "");
  EXPECT_EQ(ErrorFor("web_identity").code(), ErrorCode::kNoCredentials);
  environment_.Set("AWS_ROLE_ARN", "arn");
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", directory_ / "none");
  EXPECT_EQ(ErrorFor("web_identity").code(), ErrorCode::kCredentialsFile);
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", directory_.Write("empty", " \n"));
  EXPECT_EQ(ErrorFor("web_identity").code(), ErrorCode::kCredentialsFile);
}

// OpenSSL's one-shot HMAC, and the canonical request built anew from what arrived.
std::string Hmac(const std::string& key, const std::string& message) {
  unsigned char digest[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest, nullptr);
  return {reinterpret_cast<char*>(digest), sizeof digest};
}

std::string Hex(const std::string& bytes) {
  std::string hex;
  AppendHex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), &hex);
  return hex;
}

std::string Sha256Hex(const std::string& text) {
  unsigned char digest[32];
  EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha256(), nullptr);
  return Hex({reinterpret_cast<char*>(digest), sizeof digest});
}

std::string ExpectedAuthorization(const ServedRequest& request, const std::string& id,
                                  const std::string& secret, bool with_token) {
  const std::string date = request.headers.at("x-amz-date"), day = date.substr(0, 8);
  const std::string scope = day + "/eu-central-1/sts/aws4_request";
  std::string names = "content-type;host;x-amz-date", headers;
  for (const char* name : {"content-type", "host", "x-amz-date"}) {
    headers += std::string(name) + ":" + request.headers.at(name) + "\n";
  }
  if (with_token) {
    names += ";x-amz-security-token";
    headers += "x-amz-security-token:" + request.headers.at("x-amz-security-token") + "\n";
  }
  const std::string canonical =
      "POST\n" + request.target + "\n\n" + headers + "\n" + names + "\n" + Sha256Hex(request.body);
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + Sha256Hex(canonical);
  const std::string key =
      Hmac(Hmac(Hmac(Hmac("AWS4" + secret, day), "eu-central-1"), "sts"), "aws4_request");
  return "AWS4-HMAC-SHA256 Credential=" + id + "/" + scope + ", SignedHeaders=" + names +
         ", Signature=" + Hex(Hmac(key, to_sign));
}

TEST_F(CredentialSourcesTest, AssumesARoleWithWhatTheOthersFind) {
  UseRole();
  request_.external_id = "12/3";
  request_.role_session_name = "db";
  const auto found = Resolve("static, assume_role");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.access_key_id, "ROLE");
  EXPECT_EQ(found->provider, Provider::kAssumeRole);
  EXPECT_EQ(found->expires_at, kNow + 3600);
  const ServedRequest request = server_.requests().at(0);
  EXPECT_EQ(request.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%"
            "2Ffiles&"
            "RoleSessionName=db&ExternalId=12%2F3");
  EXPECT_EQ(request.headers.at("authorization"),
            ExpectedAuthorization(request, "STATIC", "CANARY-STATIC", false));
  const auto signed_at = request.headers.at("x-amz-date");
  EXPECT_GE(signed_at, UtcTime(std::time(nullptr) - 60).timestamp());
  EXPECT_LE(signed_at, UtcTime(std::time(nullptr)).timestamp());
}

TEST_F(CredentialSourcesTest, AssumesARoleWithTemporaryCredentials) {
  UseRole();
  request_.static_credentials = {};
  UseContainer();
  EXPECT_EQ(Show("assume_role, static, container"), "ROLE/assume_role");
  const ServedRequest request = server_.requests().at(1);
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "CANARY-TOKEN");
  EXPECT_EQ(request.headers.at("authorization"),
            ExpectedAuthorization(request, "CONTAINER", "CANARY-SECRET", true));
}

TEST_F(CredentialSourcesTest, AssumesNoRoleThatNobodyNamed) {
  request_.static_credentials = {"STATIC", "s", ""};
  EXPECT_EQ(Show("assume_role, static"), "STATIC/static");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialSourcesTest, AssumesARoleThatIsNamedWhateverTheListSays) {
  UseRole();
  const std::string with_role = Show("static, assume_role");
  EXPECT_EQ(Show("static"), with_role);
  EXPECT_EQ(with_role.find("STATIC"), std::string::npos);
  request_.static_credentials = {};
  EXPECT_EQ(Show("static, assume_role"), "nothing");
}

TEST_F(CredentialSourcesTest, GivesNobodyAnothersRole) {
  UseRole();
  Show("static, assume_role");
  Show("static, assume_role");
  EXPECT_EQ(server_.request_count(), 1u);
  request_.static_credentials.secret_access_key = "CANARY-OTHER";
  Show("static, assume_role");
  EXPECT_EQ(server_.request_count(), 2u);
  request_.role_arn = "arn:aws:iam::123456789012:role/other";
  Show("static, assume_role");
  request_.external_id = "x";
  Show("static, assume_role");
  request_.role_session_name = "x";
  Show("static, assume_role");
  EXPECT_EQ(server_.request_count(), 5u);
}

TEST_F(CredentialSourcesTest, FollowsAProfilesRoles) {
  environment_.Set("AWS_CONFIG_FILE",
                   directory_.Write("config",
                                    "[profile inner]\nrole_arn=arn:inner\nsource_profile=default\n"
                                    "duration_seconds=900\n"
                                    "[profile outer]\nrole_arn=arn:outer\nsource_profile=inner\n"
                                    "region=eu-central-1\n"));
  const std::string file = directory_.Write(
      "creds", "[default]\naws_access_key_id=FILE\naws_secret_access_key=CANARY-FILE\n");
  request_.credentials_file = file;
  request_.profile = "outer";
  request_.region = "";
  const auto found = Resolve("profile");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.access_key_id, "ROLE");
  EXPECT_EQ(found->provider, Provider::kProfile);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(FormValue(requests[0].body, "RoleArn"), "arn%3Ainner");
  EXPECT_EQ(FormValue(requests[0].body, "DurationSeconds"), "900");
  EXPECT_EQ(FormValue(requests[1].body, "RoleArn"), "arn%3Aouter");
  EXPECT_EQ(FormValue(requests[1].body, "DurationSeconds"), "none");
  EXPECT_EQ(requests[0].headers.at("authorization"),
            ExpectedAuthorization(requests[0], "FILE", "CANARY-FILE", false));
  EXPECT_EQ(requests[1].headers.at("authorization"),
            ExpectedAuthorization(requests[1], "ROLE", "CANARY-SECRET", true));
  Resolve("profile");
  EXPECT_EQ(server_.request_count(), 2u);

  directory_.Write("creds", "[default]\naws_access_key_id=ROTATED\naws_secret_access_key=s\n");
  Pass(1s);
  Resolve("profile");
  EXPECT_EQ(server_.request_count(), 4u);
}

TEST_F(CredentialSourcesTest, TradesTheWebIdentityOfAProfile) {
  const std::string token = directory_.Write("token", "ey.CANARY.J\n", 0644);
  environment_.Set("AWS_CONFIG_FILE",
                   directory_.Write("config",
                                    "[profile web]\nrole_arn=arn:web\nrole_session_name=pod\n"
                                    "web_identity_token_file=" +
                                        token +
                                        "\n"
                                        "[profile via]\nrole_arn=arn:via\nsource_profile=web\n"));
  request_.profile = "web";
  EXPECT_EQ(Show("profile"), "WEB/profile");
  EXPECT_EQ(Show("profile"), "WEB/profile");
  ASSERT_EQ(server_.request_count(), 1u);
  EXPECT_EQ(server_.requests()[0].body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aweb&"
            "RoleSessionName=pod&WebIdentityToken=ey.CANARY.J");
  request_.profile = "via";
  EXPECT_EQ(Show("profile"), "ROLE/profile");
  ASSERT_EQ(server_.request_count(), 3u);
  EXPECT_EQ(FormValue(server_.requests()[2].body, "RoleArn"), "arn%3Avia");
  std::filesystem::remove(token);
  EXPECT_EQ(ErrorOf([&] { CredentialChain(TestClock).Resolve(request_, kNow, nullptr); }).code(),
            ErrorCode::kCredentialsFile);
}

TEST_F(CredentialSourcesTest, ReportsRefusalsOfStsAndAsksNoOther) {
  UseRole();
  UseWebIdentity();
  server_.Handle(
      [](const ServedRequest&) { return ServedReply::Of(403, StsError("AccessDenied")); });
  for (const char* providers : {"static, assume_role", "web_identity, static"}) {
    for (int i = 0; i < 3; ++i) {
      const Error error = ErrorFor(providers);
      EXPECT_EQ(error.code(), ErrorCode::kRefused);
      EXPECT_EQ(error.detail(), "Code AccessDenied, HTTP status 403, RequestId c6104cbe");
    }
  }
  EXPECT_EQ(server_.request_count(), 2u);
  EXPECT_STREQ(ErrorFor("web_identity").what(),
               "STS refused the role \"arn:aws:iam::123456789012:role/web\"");
}

TEST_F(CredentialSourcesTest, ReportsRefusalsOfTheContainer) {
  UseContainer();
  for (const int status : {400, 401, 403, 404}) {
    server_.Handle([status](const ServedRequest&) { return ServedReply::Of(status, "CANARY"); });
    CredentialChain chain;
    request_.providers = "container, static";
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kRefused);
    EXPECT_EQ(AllOf(error),
              "the container credentials endpoint refused to give credentials|HTTP status " +
                  std::to_string(status) + "|");
  }
}

TEST(Sts, IsAskedInTheRegionAndPartition) {
  CleanEnvironment environment;
  EXPECT_EQ(StsEndpoint("cn-north-1").url(), "https://sts.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(StsEndpoint("").url(), "https://sts.us-east-1.amazonaws.com");
  environment.Set("AWS_DEFAULT_REGION", "eu-north-1");
  EXPECT_EQ(StsEndpoint("").url(), "https://sts.eu-north-1.amazonaws.com");
  environment.Set("AWS_REGION", "eu-west-1");
  EXPECT_EQ(StsEndpoint("").url(), "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(ErrorOf([] { StsEndpoint("a/b"); }).code(), ErrorCode::kBadArgument);
  environment.Set("AWS_ENDPOINT_URL_STS", "https://sts.example.com/x/");
  EXPECT_EQ(StsEndpoint("eu-west-1").url(), "https://sts.example.com/x");
  environment.Set("AWS_ENDPOINT_URL_STS", "nonsense://");
  EXPECT_EQ(ErrorOf([] { StsEndpoint("eu-west-1"); }).code(), ErrorCode::kBadArgument);
}

}  // namespace
}  // namespace neon_s3

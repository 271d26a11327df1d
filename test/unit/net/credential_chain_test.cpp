#include "net/credential_chain.h"

#include <atomic>
#include <ctime>

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "core/encoding.h"
#include "core/utc_time.h"
#include "http_server.h"
#include "net_test_util.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using test::ClosedPort;
using test::ErrorOf;
using test::HttpServer;
using test::Pass;
using test::ServedReply;
using test::ServedRequest;
using test::Stopwatch;

constexpr std::int64_t kNow = 1769860800;  // 2026-01-31T12:00:00Z
constexpr char kTokenHeader[] = "x-aws-ec2-metadata-token";

std::string Time(std::int64_t seconds) { return UtcTime(seconds).extended(); }

std::string Document(const std::string& id, std::int64_t expires_at = kNow + 3600) {
  return R"({"Code":"Success","LastUpdated":"2026-01-31T11:00:00Z","Type":"AWS-HMAC","AccessKeyId":")" +
         id + R"(","SecretAccessKey":"CANARY-SECRET","Token":"CANARY-TOKEN","Expiration":")" +
         Time(expires_at) + "\"}";
}

std::string StsReply(const std::string& action, const std::string& id,
                     std::int64_t expires_at = kNow + 3600) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result><Credentials><AccessKeyId>" + id +
         "</AccessKeyId><SecretAccessKey>CANARY-SECRET</"
         "SecretAccessKey><SessionToken>CANARY-TOKEN</SessionToken>"
         "<Expiration>" +
         Time(expires_at) + "</Expiration></Credentials></" + action + "Result></" + action +
         "Response>";
}

std::string StsError(const std::string& code) {
  return "<ErrorResponse "
         "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>" +
         code +
         "</Code><Message>CANARY-SECRET in x-amz-security-token:CANARY-TOKEN</Message></Error>" +
         "<RequestId>c6104cbe</RequestId></ErrorResponse>";
}

std::string FormValue(const std::string& body, const std::string& name) {
  const std::string text = "&" + body;
  const std::size_t at = text.find("&" + name + "=");
  if (at == std::string::npos) return "none";
  const std::size_t start = at + name.size() + 2;
  return text.substr(start, text.find('&', start) - start);
}

// The three protocols in one server, as AWS documents them.
ServedReply FakeAws(const ServedRequest& request) {
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
    EXPECT_EQ(test::AllOf(error).find("CANARY"), std::string::npos) << test::AllOf(error);
    return error;
  }

  test::TemporaryDirectory directory_;
  test::CleanEnvironment environment_;
  HttpServer server_{FakeAws};
  ChainRequest request_;
  CredentialChain chain_{test::TestClock};
};

TEST(ParseProviders, TakesNamesInAnyCase) {
  using P = Provider;
  EXPECT_EQ(ParseProviders("static, environment, profile"),
            (std::vector<P>{P::kStatic, P::kEnvironment, P::kProfile}));
  EXPECT_EQ(ParseProviders(" Web_Identity,CONTAINER ,\tinstance,assume_role\n"),
            (std::vector<P>{P::kWebIdentity, P::kContainer, P::kInstance, P::kAssumeRole}));
}

TEST(ParseProviders, RefusesTheRest) {
  for (const char* list :
       {"", "  ", ",", "static,", ",static", "static,,profile", "static profile"}) {
    EXPECT_EQ(ErrorOf([&] { ParseProviders(list); }).code(), ErrorCode::kBadArgument) << list;
  }
  const Error unknown = ErrorOf([] { ParseProviders("static, imds"); });
  EXPECT_STREQ(unknown.what(), "unknown credential provider \"imds\"");
  EXPECT_EQ(unknown.hint(),
            "Known are \"static\", \"environment\", \"profile\", \"web_identity\", \"container\", "
            "\"instance\", \"assume_role\".");
  EXPECT_STREQ(ErrorOf([] { ParseProviders("static, Static"); }).what(),
               "credential provider \"static\" is listed twice");
}

TEST_F(CredentialChainTest, AsksInTheOrderOfTheList) {
  const char* local = "static, environment, profile";
  directory_.Write(
      "creds",
      "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\naws_session_token=t\nregion=x\n"
      "aws_expiration=2026-01-31T13:00:00Z\n");
  const std::string file = directory_ / "creds";
  request_.credentials_file = file;
  const auto profile = Resolve(local);
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->credentials.access_key_id, "FILE");
  EXPECT_EQ(profile->credentials.session_token, "t");
  EXPECT_EQ(profile->expires_at, kNow + 3600);
  EXPECT_EQ(profile->region, "x");

  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "s");
  environment_.Set("AWS_SESSION_TOKEN", "envtoken");
  EXPECT_EQ(Show(local), "ENV/environment");
  EXPECT_EQ(Resolve(local)->credentials.session_token, "envtoken");
  EXPECT_EQ(Show("profile, environment"), "FILE/profile");

  request_.static_credentials = {"STATIC", "s", ""};
  EXPECT_EQ(Show(local), "STATIC/static");
  EXPECT_EQ(Show("environment, static"), "ENV/environment");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialChainTest, FindsNothingWhereNothingIsSetUp) {
  environment_.Set("AWS_EC2_METADATA_DISABLED", "TRUE");
  EXPECT_EQ(Show("static, environment, web_identity, container, instance, assume_role"), "nothing");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialChainTest, RefusesHalfAKeyInTheEnvironment) {
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  EXPECT_EQ(ErrorFor("environment, instance").code(), ErrorCode::kNoCredentials);
}

TEST_F(CredentialChainTest, RefusesExpiredProfiles) {
  const std::string file = directory_.Write("creds",
                                            "[default]\naws_access_key_id=A\naws_secret_access_key="
                                            "CANARY\naws_expiration=2026-01-31T11:00:00Z\n");
  request_.credentials_file = file;
  EXPECT_EQ(ErrorFor("profile, instance").code(), ErrorCode::kNoCredentials);
}

TEST_F(CredentialChainTest, GetsInstanceCredentialsByVersionTwo) {
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

TEST_F(CredentialChainTest, FallsBackToNoOlderMetadata) {
  server_.Handle([](const ServedRequest& request) {
    return request.method == "PUT" ? ServedReply::Of(404, "")
                                   : ServedReply::Of(200, Document("V1"));
  });
  EXPECT_EQ(ErrorFor("instance").code(), ErrorCode::kRefused);
  EXPECT_EQ(server_.request_count(), 1u);
}

TEST_F(CredentialChainTest, TakesAnInstanceWithoutARoleForNothing) {
  server_.Handle([](const ServedRequest& request) {
    return request.method == "PUT" ? ServedReply::Of(200, "t") : ServedReply::Of(404, "<html/>");
  });
  EXPECT_EQ(Show("instance"), "nothing");
  EXPECT_EQ(Show("instance"), "nothing");
  EXPECT_EQ(server_.request_count(), 2u);
}

TEST_F(CredentialChainTest, TakesNoPathForARole) {
  for (const char* name : {"", "a/../b", "..", "a b", "<html>", "a\r\nX: y"}) {
    server_.Handle([name](const ServedRequest& request) {
      return ServedReply::Of(200, request.method == "PUT" ? "t" : name);
    });
    CredentialChain chain;
    request_.providers = "instance";
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_EQ(error.detail(),
              "instance: malformed reply from instance metadata (It names no role.)");
  }
}

TEST_F(CredentialChainTest, GetsContainerCredentials) {
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

TEST_F(CredentialChainTest, ReadsTheContainersTokenEachTime) {
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

TEST_F(CredentialChainTest, TrustsContainerHostsAsAwsDoes) {
  const auto refusal = [this](const char* uri) {
    environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
    return ErrorFor("container").code();
  };
  for (const char* uri : {"http://example.com/", "http://10.0.0.1/", "http://169.254.170.3/",
                          "http://169.254.169.254/", "http://[fd00:ec2::24]/",
                          "http://127.0.0.1.example.com/", "http://localhost.example.com/"}) {
    EXPECT_EQ(refusal(uri), ErrorCode::kNotPermitted) << uri;
  }
  for (const char* uri : {"http://user@127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
                          "http://127.0.0.1/a#b", "http://127.0.0.1/a b"}) {
    EXPECT_EQ(refusal(uri), ErrorCode::kBadArgument) << uri;
  }
  // Nobody listens, but they may be asked.
  const ClosedPort closed;
  const std::string port = closed.url().substr(closed.url().rfind(':'));
  for (const char* host : {"http://127.0.0.1", "http://127.1.2.3", "http://[::1]",
                           "http://localhost", "https://127.0.0.1"}) {
    EXPECT_EQ(refusal((host + port + "/x").c_str()), ErrorCode::kNoCredentials) << host;
  }
  environment_.Set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "no-slash");
  EXPECT_EQ(ErrorFor("container").code(), ErrorCode::kBadArgument);
}

TEST_F(CredentialChainTest, TradesAWebIdentity) {
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

TEST_F(CredentialChainTest, WantsTokenFileAndRoleForAWebIdentity) {
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

TEST_F(CredentialChainTest, AssumesARoleWithWhatTheOthersFind) {
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

TEST_F(CredentialChainTest, AssumesARoleWithTemporaryCredentials) {
  UseRole();
  request_.static_credentials = {};
  UseContainer();
  EXPECT_EQ(Show("assume_role, static, container"), "ROLE/assume_role");
  const ServedRequest request = server_.requests().at(1);
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "CANARY-TOKEN");
  EXPECT_EQ(request.headers.at("authorization"),
            ExpectedAuthorization(request, "CONTAINER", "CANARY-SECRET", true));
}

TEST_F(CredentialChainTest, AssumesNoRoleThatNobodyNamed) {
  request_.static_credentials = {"STATIC", "s", ""};
  EXPECT_EQ(Show("assume_role, static"), "STATIC/static");
  UseRole();
  EXPECT_EQ(Show("static"), "STATIC/static");
  request_.static_credentials = {};
  EXPECT_EQ(Show("static, assume_role"), "nothing");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialChainTest, GivesNobodyAnothersRole) {
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

TEST_F(CredentialChainTest, FollowsAProfilesRoles) {
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
  request_.region = "us-east-1";
  const auto found = Resolve("profile");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.access_key_id, "ROLE");
  EXPECT_EQ(found->provider, Provider::kProfile);
  EXPECT_EQ(found->region, "eu-central-1");
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

TEST_F(CredentialChainTest, ReportsRefusalsOfStsAndAsksNoOther) {
  UseRole();
  UseWebIdentity();
  server_.Handle(
      [](const ServedRequest&) { return ServedReply::Of(403, StsError("AccessDenied")); });
  for (const char* providers : {"static, assume_role", "web_identity, static"}) {
    for (int i = 0; i < 3; ++i) {
      const Error error = ErrorFor(providers);
      EXPECT_EQ(error.code(), ErrorCode::kRefused);
      EXPECT_EQ(error.detail(), "Code AccessDenied, HTTP status 403, request id c6104cbe");
    }
  }
  EXPECT_EQ(server_.request_count(), 2u);
  EXPECT_STREQ(ErrorFor("web_identity").what(),
               "STS refused the role \"arn:aws:iam::123456789012:role/web\"");
}

TEST_F(CredentialChainTest, PassesOverWhoeverAnswersNonsense) {
  struct Case {
    ServedReply reply;
    const char* detail;
  };
  const std::string source = "container: malformed reply from the container credentials endpoint ";
  const std::string lost = "container: lost connection to \"" + server_.authority() + "\" (";
  const Case cases[] = {
      {ServedReply::Of(500, "CANARY"),
       "container: the container credentials endpoint failed (HTTP status 500)"},
      {ServedReply::Of(503, StsError("X")),
       "container: the container credentials endpoint failed (HTTP status 503)"},
      {ServedReply::Of(302, "", "Location: http://127.0.0.1:1/\r\n"), "HTTP status 302"},
      {ServedReply::Of(200, "CANARY"), "It is no JSON object with credentials."},
      {ServedReply::Of(200, ""), "It is no JSON object with credentials."},
      {ServedReply::Of(200, "{}"), "It has no credentials."},
      {ServedReply::Of(200, Document("OLD", kNow - 1)),
       "credentials were given that expired at 2026-01-31T11:59:59Z"},
      {ServedReply::Of(200, std::string(100000, '[')), "is larger than the limit"},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + Document("CUT")}, "lost connection"},
      {{"CANARY\r\n\r\n"}, "malformed reply"},
      {{""}, "lost connection"},
  };
  UseContainer();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.reply.bytes.substr(0, 60));
    server_.Handle([&](const ServedRequest& request) {
      return request.target == "/container?x=1" ? c.reply : FakeAws(request);
    });
    CredentialChain chain(test::TestClock);
    request_.providers = "container, static";
    request_.static_credentials = {};
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_STREQ(error.what(), "no S3 credentials could be had");
    EXPECT_NE(error.detail().find(c.detail), std::string::npos) << error.detail();
    EXPECT_EQ(test::AllOf(error).find("CANARY"), std::string::npos);
    request_.static_credentials = {"STATIC", "s", ""};
    EXPECT_EQ(chain.Resolve(request_, kNow, nullptr)->credentials.access_key_id, "STATIC");
  }
}

TEST_F(CredentialChainTest, ReportsRefusalsOfTheContainer) {
  UseContainer();
  for (const int status : {400, 401, 403, 404}) {
    server_.Handle([status](const ServedRequest&) { return ServedReply::Of(status, "CANARY"); });
    CredentialChain chain;
    request_.providers = "container, static";
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kRefused);
    EXPECT_EQ(test::AllOf(error),
              "the container credentials endpoint refused to give credentials|HTTP status " +
                  std::to_string(status) + "|");
  }
}

TEST_F(CredentialChainTest, GivesUpAfterASecondAndLeavesItAloneForTen) {
  for (const ServedReply& reply :
       {ServedReply{"", ServedReply::kHang},
        ServedReply{"HTTP/1.1 200 OK\r\n" + std::string(500, 'x'), ServedReply::kDrip}}) {
    HttpServer slow([reply](const ServedRequest&) { return reply; });
    environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", slow.url());
    const Stopwatch stopwatch;
    const Error error = ErrorFor("instance");
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_EQ(error.detail(), "instance: request to \"" + slow.authority() + "\" timed out");
    EXPECT_GE(stopwatch.elapsed(), 900ms);
    EXPECT_LT(stopwatch.elapsed(), 3s);

    const Stopwatch again;
    ErrorFor("instance");
    request_.static_credentials = {"STATIC", "s", ""};
    EXPECT_EQ(Show("instance, static"), "STATIC/static");
    request_.static_credentials = {};
    EXPECT_LT(again.elapsed(), 500ms);
    EXPECT_EQ(slow.request_count(), 1u);
  }
}

// Each of the three requests answers in time, but not all of them together.
TEST_F(CredentialChainTest, GivesAllRequestsOfAProviderOneSecond) {
  server_.Handle([](const ServedRequest& request) {
    std::this_thread::sleep_for(600ms);
    return FakeAws(request);
  });
  const Stopwatch stopwatch;
  EXPECT_EQ(ErrorFor("instance").code(), ErrorCode::kNoCredentials);
  EXPECT_LT(stopwatch.elapsed(), 1700ms);
}

TEST_F(CredentialChainTest, NamesAllThatWerePassedOver) {
  const ClosedPort closed;
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", closed.url());
  UseContainer("/nonsense");
  server_.Handle([](const ServedRequest&) { return ServedReply::Of(500, ""); });
  const Error error = ErrorFor("container, instance, static");
  EXPECT_EQ(
      error.detail().find("container: the container credentials endpoint failed (HTTP status 500); "
                          "instance: could not connect to \"127.0.0.1:"),
      0u)
      << error.detail();
}

TEST_F(CredentialChainTest, AsksAgainAfterTenSeconds) {
  UseContainer();
  std::atomic<bool> broken{true};
  server_.Handle([&](const ServedRequest& request) {
    return broken ? ServedReply::Of(500, "") : FakeAws(request);
  });
  ErrorFor("container");
  broken = false;
  Pass(9s);
  ErrorFor("container");
  EXPECT_EQ(server_.request_count(), 1u);
  Pass(1s);
  EXPECT_EQ(Show("container"), "CONTAINER/container");
}

TEST_F(CredentialChainTest, RefreshesBeforeExpiryAndGoesOnWhenThatFails) {
  UseContainer();
  std::atomic<int> answer{0};
  server_.Handle([&](const ServedRequest&) {
    if (answer == 0) return ServedReply::Of(200, Document("FIRST"));
    if (answer == 1) return ServedReply::Of(403, "");
    return ServedReply::Of(200, Document("SECOND", kNow + 7200));
  });
  EXPECT_EQ(Show("container"), "FIRST/container");
  answer = 1;
  Pass(1h);
  EXPECT_EQ(Show("container", kNow + 3299), "FIRST/container");
  EXPECT_EQ(server_.request_count(), 1u);
  EXPECT_EQ(Show("container", kNow + 3301), "FIRST/container");
  EXPECT_EQ(server_.request_count(), 2u);
  answer = 2;
  EXPECT_EQ(Show("container", kNow + 3302), "FIRST/container");
  Pass(10s);
  EXPECT_EQ(Show("container", kNow + 3312), "SECOND/container");
  EXPECT_EQ(server_.request_count(), 3u);
}

std::atomic<bool> cancel_flag{false};
bool IsCancelled() { return cancel_flag; }

TEST_F(CredentialChainTest, IsCancelledSoonAndRemembersNothingOfIt) {
  server_.Handle([](const ServedRequest&) { return ServedReply{"", ServedReply::kHang}; });
  request_.providers = "instance";
  cancel_flag = false;
  std::thread canceller([] {
    std::this_thread::sleep_for(100ms);
    cancel_flag = true;
  });
  const Stopwatch stopwatch;
  EXPECT_EQ(ErrorOf([&] { chain_.Resolve(request_, kNow, IsCancelled); }).code(),
            ErrorCode::kCancelled);
  EXPECT_LT(stopwatch.elapsed(), 600ms);
  canceller.join();
  server_.Handle(FakeAws);
  EXPECT_EQ(Show("instance"), "INSTANCE/instance");
}

TEST_F(CredentialChainTest, FailsOnFilesWithoutAskingTheNext) {
  const std::string file =
      directory_.Write("creds", "[default]\naws_secret_access_key=CANARY\n", 0644);
  request_.credentials_file = file;
  EXPECT_EQ(ErrorFor("profile, instance").code(), ErrorCode::kCredentialsFile);
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST(Sts, IsAskedInTheRegionAndPartition) {
  test::CleanEnvironment environment;
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

#include "net/credential_chain.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "allocation_counter.h"
#include "fake_aws.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using namespace test;

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
  EXPECT_EQ(chain_.Configuration(request_).region.text, "x");

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

// They are asked for every row that is signed.
TEST_F(CredentialChainTest, LocalProvidersAllocateNothing) {
  const std::string file =
      directory_.Write("creds", "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n");
  request_.credentials_file = file;
  request_.providers = "static, environment, profile";
  const auto expect = [this](const char* id) {
    EXPECT_EQ(chain_.Resolve(request_, kNow, nullptr)->credentials.access_key_id, id);
    const long before = AllocationCount();
    for (int i = 0; i < 100; ++i) chain_.Resolve(request_, kNow, nullptr);
    EXPECT_EQ(AllocationCount(), before) << id;
  };
  expect("FILE");
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "s");
  expect("ENV");
  request_.static_credentials = {"STATIC", "s", ""};
  expect("STATIC");
}

TEST_F(CredentialChainTest, StillFindsTheSameUntilItsProvidersLookAgain) {
  const std::string file =
      directory_.Write("creds",
                       "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n"
                       "aws_expiration=2026-01-31T13:00:00Z\n");
  request_.credentials_file = file;
  request_.static_credentials = {"STATIC", "s", ""};
  Resolve("environment, static");
  std::uint64_t ticket = chain_.ticket();
  Pass(1h);
  EXPECT_TRUE(chain_.StillFinds(ticket, kNow + 3600));

  Resolve("profile, static");
  EXPECT_FALSE(chain_.StillFinds(ticket, kNow));
  ticket = chain_.ticket();
  EXPECT_TRUE(chain_.StillFinds(ticket, kNow + 3599));
  EXPECT_FALSE(chain_.StillFinds(ticket, kNow + 3600));
  Pass(999ms);
  EXPECT_TRUE(chain_.StillFinds(ticket, kNow));
  Pass(1ms);
  EXPECT_FALSE(chain_.StillFinds(ticket, kNow));

  // The file was looked at then, not when the chain was asked again.
  Resolve("profile");
  Pass(600ms);
  Resolve("profile");
  Pass(400ms);
  EXPECT_FALSE(chain_.StillFinds(chain_.ticket(), kNow));
}

// What a file may come to say goes before what was found.
TEST_F(CredentialChainTest, LooksAgainAtWhatHadNothing) {
  request_.static_credentials = {"STATIC", "s", ""};
  EXPECT_EQ(Show("profile, static"), "STATIC/static");
  EXPECT_TRUE(chain_.StillFinds(chain_.ticket(), kNow));
  Pass(1s);
  EXPECT_FALSE(chain_.StillFinds(chain_.ticket(), kNow));
}

TEST_F(CredentialChainTest, LooksAgainAtTheNetworksAnswersEverySecond) {
  UseContainer();
  server_.Handle([&](const ServedRequest&) { return ServedReply::Of(200, Document("CONTAINER")); });
  EXPECT_EQ(Show("container"), "CONTAINER/container");
  Pass(999ms);
  EXPECT_TRUE(chain_.StillFinds(chain_.ticket(), kNow));
  Pass(1ms);
  EXPECT_FALSE(chain_.StillFinds(chain_.ticket(), kNow));
}

TEST_F(CredentialChainTest, FindsNothingWhereNothingIsSetUp) {
  environment_.Set("AWS_EC2_METADATA_DISABLED", "TRUE");
  EXPECT_EQ(Show("static, environment, web_identity, container, instance, assume_role"), "nothing");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialChainTest, RefusesHalfAKeyAndAsksNoOther) {
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  const auto expect = [this](const char* providers, const std::string& message) {
    const Error error = ErrorFor(providers);
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_EQ(error.what(), message);
  };
  expect("environment, instance", "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
  request_.static_credentials = {"", "CANARY", ""};
  expect("static, instance", "neon_s3.secret_access_key is set without neon_s3.access_key_id");
  request_.static_credentials = {"", "", "CANARY"};
  expect("static, instance", "neon_s3.session_token is set without neon_s3.access_key_id");
  request_.static_credentials = {"AKIA", " \n", ""};
  expect("static, instance", "neon_s3.access_key_id is set without neon_s3.secret_access_key");
  request_.is_mapping = true;
  expect("static, instance",
         "access_key_id of the user mapping is set without secret_access_key of the user mapping");
  EXPECT_EQ(server_.request_count(), 0u);
}

TEST_F(CredentialChainTest, TrimsKeysAndRefusesWhatCannotBeInOne) {
  request_.static_credentials = {" STATIC\n", "\ts\r\n", "\n"};
  const auto found = Resolve("static");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credentials.access_key_id, "STATIC");
  EXPECT_EQ(found->credentials.secret_access_key, "s");
  EXPECT_EQ(found->credentials.session_token, "");
  request_.static_credentials = {"STATIC\xc2\xa0", "CANARY", ""};
  EXPECT_STREQ(ErrorFor("static, instance").what(),
               "neon_s3.access_key_id has the character U+00A0");
  request_.static_credentials = {"STATIC", "\"CANARY\"", ""};
  EXPECT_STREQ(ErrorFor("static").what(), "neon_s3.secret_access_key is in quotes");
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV\n");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "s\n");
  EXPECT_EQ(Show("environment"), "ENV/environment");
  environment_.Set("AWS_SESSION_TOKEN", "CANARY\nX-Evil: 1");
  EXPECT_STREQ(ErrorFor("environment").what(), "AWS_SESSION_TOKEN has the character U+000A");
}

TEST_F(CredentialChainTest, RefusesExpiredProfiles) {
  const std::string file = directory_.Write("creds",
                                            "[default]\naws_access_key_id=A\naws_secret_access_key="
                                            "CANARY\naws_expiration=2026-01-31T11:00:00Z\n");
  request_.credentials_file = file;
  EXPECT_EQ(ErrorFor("profile, instance").code(), ErrorCode::kNoCredentials);
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
      {ServedReply::Of(200, "CANARY"), "It is not a JSON object with credentials."},
      {ServedReply::Of(200, ""), "It is not a JSON object with credentials."},
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
    CredentialChain chain(TestClock);
    request_.providers = "container, static";
    request_.static_credentials = {};
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
    EXPECT_STREQ(error.what(), "no S3 credentials could be had");
    EXPECT_NE(error.detail().find(c.detail), std::string::npos) << error.detail();
    EXPECT_EQ(AllOf(error).find("CANARY"), std::string::npos);
    request_.static_credentials = {"STATIC", "s", ""};
    EXPECT_EQ(chain.Resolve(request_, kNow, nullptr)->credentials.access_key_id, "STATIC");
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

TEST_F(CredentialChainTest, GivesEachRequestASecondAndNotTheirSum) {
  server_.Handle([](const ServedRequest& request) {
    std::this_thread::sleep_for(600ms);
    return FakeAws(request);
  });
  EXPECT_EQ(Show("instance"), "INSTANCE/instance");
  EXPECT_EQ(server_.request_count(), 3u);
}

TEST_F(CredentialChainTest, TakesTheLimitsOfMetadataFromTheEnvironmentWhereItIsListed) {
  std::atomic<int> failures{2};
  server_.Handle([&](const ServedRequest& request) {
    if (failures-- > 0) return ServedReply::Of(503, "");
    std::this_thread::sleep_for(1200ms);
    return FakeAws(request);
  });
  environment_.Set("AWS_METADATA_SERVICE_TIMEOUT", "3");
  environment_.Set("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3");
  EXPECT_EQ(ErrorFor("instance").detail(), "instance: instance metadata failed (HTTP status 503)");
  EXPECT_EQ(server_.request_count(), 1u);
  failures = 2;
  Pass(10s);
  EXPECT_EQ(Show("environment, instance"), "INSTANCE/instance");
  EXPECT_EQ(server_.request_count(), 6u);
}

TEST_F(CredentialChainTest, RefusesLimitsOfMetadataThatAreNoNumbers) {
  for (const char* value : {"0", "-1", "1.5", "soon", "3601"}) {
    environment_.Set("AWS_METADATA_SERVICE_TIMEOUT", value);
    CredentialChain chain(TestClock);
    request_.providers = "environment, instance";
    const Error error = ErrorOf([&] { chain.Resolve(request_, kNow, nullptr); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    EXPECT_EQ(error.what(), "AWS_METADATA_SERVICE_TIMEOUT is \"" + std::string(value) + "\"");
  }
}

TEST_F(CredentialChainTest, NamesAllThatWerePassedOver) {
  const SilentPort closed(SilentPort::kClosed);
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

}  // namespace
}  // namespace neon_s3

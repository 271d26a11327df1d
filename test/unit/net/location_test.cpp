#include "net/location.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "expect_error.h"
#include "net/credential_chain.h"
#include "net_test_util.h"

namespace neon_s3 {
namespace {

using Json = nlohmann::json;

// Empty for what botocore addresses by path all the same: "virtual" at an IP address, and for a
// bucket with a dot over https.
std::string ObjectUrl(const Location& location, const std::string& bucket) {
  const bool has_dot = bucket.find('.') != std::string::npos;
  if (location.addressing_style == AddressingStyle::kVirtual &&
      (location.endpoint.is_ip_address() || (has_dot && location.endpoint.scheme == "https"))) {
    EXPECT_ERROR(ErrorCode::kBadArgument,
                 ResolveAddress(location.endpoint, location.addressing_style, bucket));
    return {};
  }
  const Address address = ResolveAddress(location.endpoint, location.addressing_style, bucket);
  return address.scheme + "://" + address.host + address.path_prefix + "/k";
}

// Each kind of what botocore refuses, as we have it.
struct Refusal {
  const char* botocore;
  ErrorCode code;
  const char* says;
};
constexpr Refusal kRefusals[] = {
    {"ParamValidationError", ErrorCode::kBadArgument, "invalid bucket name \"arn:"},
    {"UnsupportedS3AccesspointConfigurationError", ErrorCode::kBadArgument, "\"arn:"},
    {"EndpointResolutionError", ErrorCode::kUnsupported, "has no FIPS endpoints"},
    {"InvalidConfigError", ErrorCode::kCredentialsFile, "but that section does not exist"},
};

void ExpectRefusal(const Error& error, const std::string& botocore) {
  const auto* refusal =
      std::find_if(std::begin(kRefusals), std::end(kRefusals),
                   [&](const Refusal& known) { return known.botocore == botocore; });
  ASSERT_NE(refusal, std::end(kRefusals)) << botocore;
  EXPECT_EQ(error.code(), refusal->code) << error.what();
  EXPECT_NE(std::string(error.what()).find(refusal->says), std::string::npos) << error.what();
}

// What botocore refuses is refused, and nothing else.
TEST(Location, IsWhereBotocoreGoes) {
  std::ifstream lines(NEON_S3_TEST_VECTORS "/standard_config.jsonl");
  std::size_t count = 0, refused = 0, unlike = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    SCOPED_TRACE(line);
    const Json vector = Json::parse(line);
    const test::TemporaryDirectory directory;
    test::CleanEnvironment environment;
    environment.Set("AWS_CONFIG_FILE", directory.Write("config", vector.at("config")));
    environment.Set("AWS_SHARED_CREDENTIALS_FILE",
                    directory.Write("credentials", vector.at("credentials")));
    for (const auto& [name, value] : vector.at("env").items()) environment.Set(name, value);

    const Json& expected = vector.at("expected");
    CredentialChain chain(test::TestClock);
    ChainRequest request;
    request.providers = "environment, profile";
    const std::string bucket = vector.at("bucket");
    const auto locate = [&] {
      const StandardConfig config = chain.Configuration(request);
      Location location = Locate({}, config);
      ValidateBucketName(bucket);
      location.region = RegionOfBucket(location, config, bucket);
      return location;
    };
    if (expected.contains("error")) {
      ++refused;
      // botocore looks at a bucket's name first.
      const std::string kind = expected.at("error");
      const auto name = [&] { ValidateBucketName(bucket); };
      ExpectRefusal(kind == "ParamValidationError" ? test::ErrorOf(name) : test::ErrorOf(locate),
                    kind);
      continue;
    }
    const Location location = locate();
    EXPECT_EQ(location.region, expected.at("region"));
    const std::string url = ObjectUrl(location, bucket);
    if (url.empty())
      ++unlike;
    else
      EXPECT_EQ(url, expected.at("url"));
  }
  EXPECT_GE(count, 1060u);
  EXPECT_EQ(refused, 679u);
  EXPECT_EQ(unlike, 4u);
}

StandardConfig Configured(const char* region, const char* endpoint) {
  StandardConfig config;
  config.region = {region, "AWS_REGION"};
  config.endpoint = {endpoint, "AWS_ENDPOINT_URL"};
  return config;
}

TEST(Location, TakesWhatIsSetFirst) {
  const StandardConfig config = Configured("eu-west-1", "http://localhost:9000");
  const Location set = Locate({"eu-central-1", "https://s3.example.com", "virtual"}, config);
  EXPECT_EQ(set.region, "eu-central-1");
  EXPECT_EQ(set.endpoint.url(), "https://s3.example.com");
  EXPECT_EQ(set.addressing_style, AddressingStyle::kVirtual);
  const Location found = Locate({}, config);
  EXPECT_EQ(found.region, "eu-west-1");
  EXPECT_EQ(found.endpoint.url(), "http://localhost:9000");
  const Location neither = Locate({}, {});
  EXPECT_EQ(neither.region, "us-east-1");
  EXPECT_EQ(neither.endpoint.url(), "https://s3.us-east-1.amazonaws.com");
}

TEST(Location, TakesFipsAndDualStackForAmazonsEndpointsOnly) {
  StandardConfig config = Configured("us-east-2", "");
  config.use_fips = {"true", "AWS_USE_FIPS_ENDPOINT"};
  EXPECT_EQ(Locate({}, config).endpoint.url(), "https://s3-fips.us-east-2.amazonaws.com");
  EXPECT_EQ(Locate({{}, "http://127.0.0.1:1", {}}, config).endpoint.url(), "http://127.0.0.1:1");
  const Error error = test::ErrorOf([&] { Locate({"cn-north-1", {}, {}}, config); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_STREQ(error.what(),
               "AWS_USE_FIPS_ENDPOINT is set, but region \"cn-north-1\" has no FIPS endpoints");
}

TEST(Location, NamesTheSourceOfAnEndpointThatIsNone) {
  const Error error = test::ErrorOf([] { Locate({}, Configured("", "ftp://x")); });
  EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
  EXPECT_STREQ(error.what(), "AWS_ENDPOINT_URL: invalid endpoint \"ftp://x\"");
}

}  // namespace
}  // namespace neon_s3

#include "core/standard_config.h"

#include <map>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

std::map<std::string, std::string> variables;
std::string_view Variable(const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string_view() : found->second;
}

StandardConfig Read(std::string_view config, bool with_environment = true) {
  static ProfileFile file;
  file = ParseProfileFile(config, ProfileFileKind::kConfig, "/config");
  const auto found = file.profiles.find("default");
  const NamedProfile profile{"default", found == file.profiles.end() ? nullptr : &found->second,
                             &file};
  return ReadStandardConfig(with_environment ? Variable : nullptr, &profile);
}

std::string Show(const ConfigValue& value) { return value.text + " from " + value.source; }

TEST(StandardConfig, TellsWhereEachValueIsFrom) {
  const char* file =
      "[default]\nregion = eu-central-1\nservices = local\nca_bundle = /ca.pem\n"
      "s3 =\n  addressing_style = path\n  use_dualstack_endpoint = true\n"
      "[services local]\ns3 =\n  endpoint_url = http://localhost:9000\n";
  variables = {{"AWS_DEFAULT_REGION", "eu-west-1"}, {"AWS_USE_DUALSTACK_ENDPOINT", "false"}};
  const StandardConfig config = Read(file);
  EXPECT_EQ(Show(config.region), "eu-west-1 from AWS_DEFAULT_REGION");
  EXPECT_EQ(Show(config.endpoint),
            "http://localhost:9000 from endpoint_url of section \"services local\"");
  EXPECT_EQ(Show(config.addressing_style), "path from s3 addressing_style of profile \"default\"");
  EXPECT_EQ(Show(config.ca_bundle), "/ca.pem from ca_bundle of profile \"default\"");
  EXPECT_TRUE(config.use_dualstack.is_true());
  EXPECT_EQ(Show(Read(file, false).region), "eu-central-1 from region of profile \"default\"");
}

TEST(StandardConfig, ReadsNothingThatIsNotListed) {
  variables = {{"AWS_REGION", "eu-west-1"}};
  const StandardConfig config = ReadStandardConfig(nullptr, nullptr);
  EXPECT_FALSE(config.region.is_set());
  EXPECT_FALSE(config.endpoint.is_set());
}

TEST(StandardConfig, RefusesByNameWhatItDoesNotSupport) {
  struct Case {
    const char* file;
    const char* message;
  };
  const Case cases[] = {
      {"[default]\ns3 =\n  use_accelerate_endpoint = true\n",
       "s3 use_accelerate_endpoint of profile \"default\" is not supported"},
      {"[default]\ns3 =\n  signature_version = s3\n",
       "s3 signature_version of profile \"default\" is \"s3\""},
      {"[default]\ns3 =\n  addressing_style = host\n",
       "s3 addressing_style of profile \"default\" is \"host\""},
      {"[default]\nregion = eu central\n", "region of profile \"default\" is \"eu central\""},
      {"[default]\nservices = none\n",
       "services of profile \"default\" is \"none\", but that section does not exist"},
  };
  variables.clear();
  for (const Case& c : cases) {
    const Error error = test::ErrorOf([&] { Read(c.file); });
    EXPECT_EQ(error.code(), ErrorCode::kCredentialsFile);
    EXPECT_STREQ(error.what(), c.message);
  }
  variables = {{"AWS_REGION", "eu/west"}};
  const Error error = test::ErrorOf([] { Read(""); });
  EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
  EXPECT_STREQ(error.what(), "AWS_REGION is \"eu/west\"");
}

TEST(StandardConfig, KnowsWhatTurnsAValueOff) {
  variables = {{"AWS_ENDPOINT_URL", "http://a:1"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"}};
  EXPECT_FALSE(Read("[default]\nendpoint_url = http://b:1\n").endpoint.is_set());
  variables = {};
  EXPECT_EQ(Show(Read("[default]\nendpoint_url = http://b:1\n").endpoint),
            "http://b:1 from endpoint_url of profile \"default\"");
  EXPECT_EQ(Show(Read("[default]\ns3 =\n  use_arn_region = false\n").use_arn_region),
            "false from s3 use_arn_region of profile \"default\"");
  variables = {{"AWS_S3_USE_ARN_REGION", "true"}};
  EXPECT_EQ(Show(Read("[default]\ns3 =\n  use_arn_region = false\n").use_arn_region),
            "true from AWS_S3_USE_ARN_REGION");
  variables = {};
  for (const char* style : {"auto", "virtual", "path"}) {
    EXPECT_EQ(
        Read(std::string("[default]\ns3 =\n  signature_version = s3v4\n  addressing_style = ") +
             style + "\n")
            .addressing_style.text,
        style);
  }
}

}  // namespace
}  // namespace neon_s3

#include "core/bucket_setup.h"

#include <gtest/gtest.h>

#include "core/bucket_config.h"
#include "expect_error.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;
using test::Json;

constexpr char kXmlns[] = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

TEST(BucketSetup, WritesThePublicAccessBlock) {
  EXPECT_EQ(PublicAccessBlock(true, false),
            R"({"BlockPublicAcls":false,"IgnorePublicAcls":true,"BlockPublicPolicy":true,)"
            R"("RestrictPublicBuckets":true})");
}

TEST(BucketSetup, WritesTheGuidesPolicy) {
  EXPECT_EQ(Json::parse(PublicReadPolicy("aws-cn", "my-bucket")),
            Json::parse(R"({"Version": "2012-10-17", "Statement": [
                {"Sid": "PublicReadGetObject", "Effect": "Allow", "Principal": "*",
                 "Action": "s3:GetObject", "Resource": "arn:aws-cn:s3:::my-bucket/*"}]})"));
}

TEST(BucketSetup, KnowsVersioning) {
  const auto document = [](bool enabled) {
    return BucketConfigDocument(BucketConfig::kVersioning, Versioning(enabled));
  };
  EXPECT_EQ(document(true), std::string("<VersioningConfiguration") + kXmlns +
                                "><Status>Enabled</Status></VersioningConfiguration>");
  const auto status = [](const std::string& xml) {
    return VersioningStatus(BucketConfigJson(BucketConfig::kVersioning, xml));
  };
  EXPECT_EQ(status(document(true)), "Enabled");
  EXPECT_EQ(status(document(false)), "Suspended");
  EXPECT_EQ(status("<VersioningConfiguration/>"), "");
  EXPECT_EQ(status("<VersioningConfiguration><MfaDelete>Disabled</MfaDelete>"
                   "</VersioningConfiguration>"),
            "");
}

TEST(BucketSetup, AbortsUploadsThatAreNotCompleted) {
  const std::string added =
      "<Rule><ID>abort-incomplete-uploads</ID><Filter><Prefix></Prefix></Filter>"
      "<Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7"
      "</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
  const std::string root = std::string("<LifecycleConfiguration") + kXmlns + ">";
  EXPECT_EQ(WithAbortRule(""), root + added);
  // What it has beside is kept, understood or not.
  const std::string rule =
      "<Rule><ID>a &amp; b</ID><Filter><Prefix> </Prefix></Filter><Status>Enabled</Status>"
      "<Future><X>1</X></Future></Rule>";
  EXPECT_EQ(WithAbortRule("<?xml version=\"1.0\"?>\n" + root + rule + "</LifecycleConfiguration>"),
            root + rule + "<Rule><ID>abort-incomplete-uploads</ID><Filter><Prefix/></Filter>" +
                added.substr(added.find("<Status>")));
}

TEST(BucketSetup, WritesTheRuleInTheFormOfTheOthers) {
  const auto merged = WithAbortRule(
      "<LifecycleConfiguration><Rule><Prefix>tmp/</Prefix><Status>Enabled</Status><Expiration>"
      "<Days>1</Days></Expiration></Rule></LifecycleConfiguration>");
  ASSERT_TRUE(merged);
  const Json rules = Json::parse(BucketConfigJson(BucketConfig::kLifecycle, *merged));
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[1]["Prefix"], "");
  EXPECT_FALSE(rules[1].contains("Filter"));
}

TEST(BucketSetup, LeavesARuleOfThatKindAlone) {
  EXPECT_EQ(WithAbortRule("<LifecycleConfiguration><Rule><Status>Disabled</Status>"
                          "<AbortIncompleteMultipartUpload><DaysAfterInitiation>90"
                          "</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
                          "</LifecycleConfiguration>"),
            std::nullopt);
  EXPECT_EQ(ErrorOf([] { WithAbortRule("<Error/>"); }).code(), ErrorCode::kMalformedReply);
}

}  // namespace
}  // namespace neon_s3

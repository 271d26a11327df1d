#include "core/bucket_config.h"

#include <gtest/gtest.h>

#include "expect_error.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;
using test::Json;

constexpr char kXmlns[] = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

// As the guide has it.
constexpr std::string_view kGuideCors = R"([
  {
    "AllowedHeaders": ["*"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": ["http://localhost:3000", "https://app.example.com"],
    "ExposeHeaders": [],
    "MaxAgeSeconds": 9000
  }
])";

constexpr std::string_view kLifecycle = R"({"Rules": [
  {"ID": "tmp", "Filter": {"Prefix": "tmp/"}, "Status": "Enabled", "Expiration": {"Days": 1},
   "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
  {"Status": "Disabled", "Filter": {"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "<&>"},
     {"Key": "b", "Value": ""}], "ObjectSizeGreaterThan": 0, "ObjectSizeLessThan": 5497558138880}},
   "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}, {"Date": "2030-01-01T00:00:00Z",
     "StorageClass": "DEEP_ARCHIVE"}],
   "NoncurrentVersionTransitions": [{"NoncurrentDays": 5, "StorageClass": "GLACIER",
     "NewerNoncurrentVersions": 2}],
   "NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 3},
   "Expiration": {"ExpiredObjectDeleteMarker": true}},
  {"ID": "old", "Prefix": "x", "Status": "Enabled", "Expiration": {"Date": "2030-01-31T00:00:00Z"}},
  {"ID": "all", "Filter": {}, "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": false}},
  {"Filter": {"Tag": {"Key": "k", "Value": "v"}}, "Status": "Enabled", "Expiration": {"Days": 2}}
]})";

TEST(BucketConfig, WritesTheGuidesCors) {
  EXPECT_EQ(
      BucketConfigDocument(BucketConfig::kCors, kGuideCors),
      std::string("<CORSConfiguration") + kXmlns +
          "><CORSRule><AllowedHeader>*</AllowedHeader><AllowedMethod>GET</AllowedMethod>"
          "<AllowedMethod>PUT</AllowedMethod><AllowedOrigin>http://localhost:3000</AllowedOrigin>"
          "<AllowedOrigin>https://app.example.com</AllowedOrigin><MaxAgeSeconds>9000</"
          "MaxAgeSeconds>"
          "</CORSRule></CORSConfiguration>");
}

TEST(BucketConfig, TakesTheObjectOfTheCommandLineToo) {
  EXPECT_EQ(
      BucketConfigDocument(BucketConfig::kCors, "{\"CORSRules\":" + std::string(kGuideCors) + "}"),
      BucketConfigDocument(BucketConfig::kCors, kGuideCors));
}

TEST(BucketConfig, GivesBackWhatWasPut) {
  const Json cors = Json::parse(kGuideCors);
  EXPECT_EQ(Json::parse(BucketConfigJson(BucketConfig::kCors,
                                         BucketConfigDocument(BucketConfig::kCors, kGuideCors))),
            cors);
  const Json lifecycle = Json::parse(kLifecycle);
  const std::string xml = BucketConfigDocument(BucketConfig::kLifecycle, kLifecycle);
  EXPECT_EQ(Json::parse(BucketConfigJson(BucketConfig::kLifecycle, xml)), lifecycle["Rules"]);
  EXPECT_EQ(BucketConfigDocument(BucketConfig::kLifecycle,
                                 BucketConfigJson(BucketConfig::kLifecycle, xml)),
            xml);
}

// As people take it out of the array by mistake; a rule on its own has one meaning only.
TEST(BucketConfig, TakesOneRuleWithoutTheArray) {
  const std::string rule = R"({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]})";
  EXPECT_EQ(BucketConfigDocument(BucketConfig::kCors, rule),
            BucketConfigDocument(BucketConfig::kCors, "[" + rule + "]"));
  const std::string expiry = R"({"ID": "a", "Status": "Enabled", "Expiration": {"Days": 1}})";
  EXPECT_EQ(BucketConfigDocument(BucketConfig::kLifecycle, expiry),
            BucketConfigDocument(BucketConfig::kLifecycle, "[" + expiry + "]"));
}

TEST(BucketConfig, LeavesThePolicyAsItIs) {
  const std::string policy = R"({"Version": "2012-10-17", "Statement": []})";
  EXPECT_EQ(BucketConfigDocument(BucketConfig::kPolicy, policy), policy);
  EXPECT_EQ(BucketConfigJson(BucketConfig::kPolicy, policy), policy);
}

TEST(BucketConfig, TakesNoPolicyThatJsonbCannotHold) {
  const std::string deep = std::string(33, '[') + std::string(33, ']');
  const std::string bad_utf8 = "{\"a\": \"\xff\"}";
  for (const std::string& document : {std::string(), std::string("<Policy/>"),
                                      std::string(R"({"a": "\u0000"})"), deep, bad_utf8}) {
    SCOPED_TRACE(document);
    const Error error = ErrorOf([&] { BucketConfigJson(BucketConfig::kPolicy, document); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
    EXPECT_STREQ(error.what(), "malformed reply from S3");
  }
  const std::string escaped = R"({"a": "\\u0000"})";  // a backslash, and five characters
  EXPECT_EQ(BucketConfigJson(BucketConfig::kPolicy, escaped), escaped);
}

TEST(BucketConfig, NamesWhatIsMissing) {
  EXPECT_EQ(MissingConfig("NoSuchCORSConfiguration"), "CORS rules");
  EXPECT_EQ(MissingConfig("NoSuchBucketPolicy"), "policy");
  EXPECT_EQ(MissingConfig("NoSuchKey"), "");
}

TEST(BucketConfig, IsTheSameInAnotherOrder) {
  EXPECT_TRUE(SameConfig(R"([{"AllowedMethods": ["GET", "PUT"], "ID": "a"}])",
                         R"([{"ID": "a", "AllowedMethods": ["PUT", "GET"]}])"));
  EXPECT_FALSE(SameConfig(R"([{"AllowedMethods": ["GET"]}])", R"([{"AllowedMethods": ["PUT"]}])"));
  EXPECT_FALSE(SameConfig(R"([{"ID": "a"}, {"ID": "b"}])", R"([{"ID": "b"}, {"ID": "a"}])"));
}

// jsonb has members by length, then by name; S3's schema has another order.
TEST(BucketConfig, WritesTheSchemasOrder) {
  const char* json =
      R"([{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}, "ID": "x"}])";
  EXPECT_EQ(BucketConfigDocument(BucketConfig::kLifecycle, json),
            std::string("<LifecycleConfiguration") + kXmlns +
                "><Rule><ID>x</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
                "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>");
}

TEST(BucketConfig, TakesDatesWithoutATime) {
  const char* json =
      R"([{"Status": "Enabled", "Prefix": "", "Expiration": {"Date": "2030-01-31"}}])";
  EXPECT_NE(BucketConfigDocument(BucketConfig::kLifecycle, json)
                .find("<Date>2030-01-31T00:00:00Z</Date>"),
            std::string::npos);
}

TEST(BucketConfig, KnowsThePublicAccessBlock) {
  const std::string json =
      R"({"BlockPublicAcls":true,"IgnorePublicAcls":true,"BlockPublicPolicy":false,"RestrictPublicBuckets":false})";
  const std::string xml = BucketConfigDocument(BucketConfig::kPublicAccessBlock, json);
  EXPECT_EQ(xml,
            std::string("<PublicAccessBlockConfiguration") + kXmlns +
                "><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
                "<BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false"
                "</RestrictPublicBuckets></PublicAccessBlockConfiguration>");
  EXPECT_EQ(BucketConfigJson(BucketConfig::kPublicAccessBlock, xml), json);
  // As Ceph writes it.
  EXPECT_EQ(BucketConfigJson(
                BucketConfig::kPublicAccessBlock,
                "<BlockPublicAccessBlockConfiguration><BlockPublicAcls>True</BlockPublicAcls>"
                "<IgnorePublicAcls>False</IgnorePublicAcls></BlockPublicAccessBlockConfiguration>"),
            R"({"BlockPublicAcls":true,"IgnorePublicAcls":false})");
}

TEST(BucketConfig, NamesTheMemberItRefuses) {
  const struct {
    BucketConfig config;
    const char *json, *message;
  } cases[] = {
      {BucketConfig::kCors, "", "invalid JSON"},
      {BucketConfig::kCors, "[", "invalid JSON"},
      {BucketConfig::kCors, "[1] 2", "invalid JSON"},
      {BucketConfig::kCors, "17", "CORS rules must be a JSON array of objects"},
      {BucketConfig::kCors, "[]", "\"CORSRules\" is empty"},
      {BucketConfig::kCors, "{}", "\"CORSRules\" is missing"},
      {BucketConfig::kCors, R"({"CORSRules": {}})", "\"CORSRules\" is not an array"},
      {BucketConfig::kCors, R"({"Rules": []})", "\"Rules\" is unknown"},
      {BucketConfig::kCors, "[17]", "\"CORSRules[0]\" is not an object"},
      {BucketConfig::kCors, "[{}]", "\"CORSRules[0].AllowedMethods\" is missing"},
      {BucketConfig::kCors, R"([{"AllowedMethods": ["GET"], "AllowedOrigins": []}])",
       "\"CORSRules[0].AllowedOrigins\" is empty"},
      {BucketConfig::kCors, R"([{"AllowedMethods": "GET", "AllowedOrigins": ["*"]}])",
       "\"CORSRules[0].AllowedMethods\" is not an array"},
      {BucketConfig::kCors, R"([{"AllowedMethods": ["GET", null], "AllowedOrigins": ["*"]}])",
       "\"CORSRules[0].AllowedMethods[1]\" is not a string"},
      {BucketConfig::kCors, R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["a\u0000b"]}])",
       "\"CORSRules[0].AllowedOrigins[0]\" has characters that XML cannot represent"},
      {BucketConfig::kCors,
       R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": "1"}])",
       "\"CORSRules[0].MaxAgeSeconds\" is not an integer"},
      {BucketConfig::kCors,
       R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 1.5}])",
       "\"CORSRules[0].MaxAgeSeconds\" is not an integer"},
      {BucketConfig::kCors,
       R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "allowedHeaders": []}])",
       "\"CORSRules[0].allowedHeaders\" is unknown"},
      {BucketConfig::kLifecycle, R"([{"Prefix": ""}])", "\"Rules[0].Status\" is missing"},
      {BucketConfig::kLifecycle,
       R"([{"Status": "Enabled", "Filter": {"And": {"Tags": [{"Key": "a"}]}}}])",
       "\"Rules[0].Filter.And.Tags[0].Value\" is missing"},
      {BucketConfig::kLifecycle, R"([{"Status": "Enabled", "Expiration": {"Date": "2030-02-31"}}])",
       "\"Rules[0].Expiration.Date\" is not a date such as \"2030-01-31T00:00:00Z\""},
      {BucketConfig::kLifecycle,
       R"([{"Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": "true"}}])",
       "\"Rules[0].Expiration.ExpiredObjectDeleteMarker\" is neither true nor false"},
      {BucketConfig::kCors, R"({"AllowedMethods": ["GET"]})",
       "\"CORSRules[0].AllowedOrigins\" is missing"},
      {BucketConfig::kLifecycle, "[17]", "\"Rules[0]\" is not an object"},
      {BucketConfig::kPolicy, "[]", "policy must be a JSON object"},
      {BucketConfig::kPolicy, "1", "policy must be a JSON object"},
      {BucketConfig::kPublicAccessBlock, "[]", "public access block must be a JSON object"},
      {BucketConfig::kPublicAccessBlock, R"({"BlockPublicAcls": 1})",
       "\"BlockPublicAcls\" is neither true nor false"},
  };
  for (const auto& refused : cases) {
    SCOPED_TRACE(refused.json);
    const Error error = ErrorOf([&] { BucketConfigDocument(refused.config, refused.json); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    EXPECT_STREQ(error.what(), refused.message);
  }
}

TEST(BucketConfig, HasLimits) {
  const auto refuse = [](const std::string& json) {
    return ErrorOf([&] { BucketConfigDocument(BucketConfig::kCors, json); });
  };
  EXPECT_STREQ(refuse(std::string(500000, '[')).what(), "JSON is deeper than 32 levels");
  EXPECT_STREQ(refuse(std::string(33, '[') + std::string(33, ']')).what(),
               "JSON is deeper than 32 levels");
  EXPECT_STREQ(refuse(std::string(32, '[') + std::string(32, ']')).what(),
               "\"CORSRules[0]\" is not an object");
  EXPECT_STREQ(refuse("[\"" + std::string(40, '[') + "\\\"[\"]").what(),
               "\"CORSRules[0]\" is not an object");
  EXPECT_EQ(refuse(std::string((1 << 20) + 1, ' ')).code(), ErrorCode::kTooLarge);
}

TEST(BucketConfig, RefusesXmlThatIsNone) {
  const auto code = [](BucketConfig config, const std::string& xml) {
    return ErrorOf([&] { BucketConfigJson(config, xml); }).code();
  };
  for (const char* xml : {"", "{}", "<CORSConfiguration>", "<Error/>", "<LifecycleConfiguration/>",
                          "<BlockPublicAccessBlockConfiguration/>"}) {
    EXPECT_EQ(code(BucketConfig::kCors, xml), ErrorCode::kMalformedReply) << xml;
  }
  for (const char* value : {"", "x", "1x", "1 1", "99999999999999999999"}) {
    const std::string text(value);
    EXPECT_EQ(code(BucketConfig::kCors, "<CORSConfiguration><CORSRule><MaxAgeSeconds>" + text +
                                            "</MaxAgeSeconds></CORSRule></CORSConfiguration>"),
              ErrorCode::kMalformedReply)
        << value;
    EXPECT_EQ(code(BucketConfig::kPublicAccessBlock,
                   "<PublicAccessBlockConfiguration><BlockPublicAcls>" + text +
                       "</BlockPublicAcls></PublicAccessBlockConfiguration>"),
              ErrorCode::kMalformedReply)
        << value;
  }
  EXPECT_EQ(code(BucketConfig::kCors,
                 "<CORSConfiguration><CORSRule><ID>\xff</ID></CORSRule></CORSConfiguration>"),
            ErrorCode::kMalformedReply);
}

TEST(BucketConfig, LeavesOutWhatItDoesNotKnow) {
  EXPECT_EQ(BucketConfigJson(
                BucketConfig::kLifecycle,
                "<?xml version=\"1.0\"?>\n<LifecycleConfiguration><New>1</New><Rule>\n <ID>a</ID>\n"
                "<Status>Enabled</Status><Future/></Rule></LifecycleConfiguration>"),
            R"([{"ID":"a","Status":"Enabled"}])");
}

}  // namespace
}  // namespace neon_s3

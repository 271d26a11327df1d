#include "core/access_point.h"

#include <gtest/gtest.h>

#include "core/endpoint.h"
#include "core/s3_request.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

constexpr char kPoint[] = "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point";

std::string UrlAt(const Endpoint& endpoint, std::string_view arn = kPoint) {
  const Address address = ResolveAddress(endpoint, AddressingStyle::kPath, arn);
  return address.scheme + "://" + address.host + address.path_prefix;
}

Endpoint Own(const char* host, const char* port, const char* base_path) {
  Endpoint endpoint;
  endpoint.scheme = "https";
  endpoint.host = host;
  endpoint.port = port;
  endpoint.base_path = base_path;
  return endpoint;
}

TEST(AccessPoint, IsTakenApart) {
  const AccessPoint point = ParseAccessPoint(kPoint);
  EXPECT_EQ(point.region, "eu-west-1");
  EXPECT_EQ(point.account, "123456789012");
  EXPECT_EQ(point.name, "my-point");
  EXPECT_EQ(ParseAccessPoint("arn:aws-cn:s3:cn-north-1:123456789012:accesspoint:b").name, "b");
  EXPECT_TRUE(IsArn(kPoint));
  EXPECT_FALSE(IsArn("arn"));
  ValidateBucketName(kPoint);
}

TEST(AccessPoint, IsInItsOwnRegion) {
  EXPECT_EQ(RegionFor(kPoint, "us-east-1"), "eu-west-1");
  EXPECT_EQ(RegionFor("files", "us-east-1"), "us-east-1");
  EXPECT_EQ(UrlAt(AwsEndpoint("us-east-1")),
            "https://my-point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com");
  EXPECT_EQ(UrlAt(AwsEndpoint("us-east-1", "s3-fips.dualstack")),
            "https://my-point-123456789012.s3-accesspoint-fips.dualstack.eu-west-1.amazonaws.com");
  EXPECT_EQ(UrlAt(Own("s3.example.com", "9000", "/base")),
            "https://my-point-123456789012.s3.example.com:9000/base");
  EXPECT_EQ(UrlAt(Own("accesspoint.vpce-1.s3.us-east-1.vpce.amazonaws.com", "", "")),
            "https://my-point-123456789012.accesspoint.vpce-1.s3.us-east-1.vpce.amazonaws.com");
  EXPECT_ERROR(ErrorCode::kBadArgument, UrlAt(Own("127.0.0.1", "", "")));
}

TEST(AccessPoint, MustBeWithinReach) {
  CheckAccessPoint(kPoint, "us-east-1", true);
  CheckAccessPoint(kPoint, "eu-west-1", false);
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckAccessPoint(kPoint, "us-east-1", false));
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckAccessPoint(kPoint, "cn-north-1", true));
}

TEST(AccessPoint, IsTheOnlyArnThatIsTaken) {
  const struct {
    const char* arn;
    ErrorCode code;
    const char* message;
  } cases[] = {
      {"arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/p",
       ErrorCode::kUnsupported, "S3 on Outposts"},
      {"arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/p", ErrorCode::kUnsupported,
       "Object Lambda access point"},
      {"arn:aws:s3::123456789012:accesspoint/p.mrap", ErrorCode::kUnsupported,
       "multi-region access point"},
      {"arn:aws:s3express:eu-west-1:123456789012:accesspoint/p", ErrorCode::kUnsupported,
       "S3 Express access point"},
      {"arn:aws:s3:::files", ErrorCode::kBadArgument, "invalid bucket name"},
      {"arn:aws:sqs:eu-west-1:123456789012:queue", ErrorCode::kBadArgument, "invalid bucket name"},
      {"arn:aws\r\n:s3:eu-west-1:123456789012:accesspoint/p", ErrorCode::kBadArgument,
       "invalid bucket name"},
      {"arn:other:s3:eu-west-1:123456789012:accesspoint/p", ErrorCode::kBadArgument,
       "invalid bucket name"},
      {"arn:aws:s3:eu-west-1:123456789012:accesspoint/a/object/b", ErrorCode::kBadArgument,
       "invalid bucket name"},
      {"arn:aws:s3:eu-west-1:123456789012:accesspoint/a\r\nb", ErrorCode::kBadArgument,
       "invalid bucket name"},
      {"arn:", ErrorCode::kBadArgument, "invalid bucket name"},
      {"arn:aws:s3:eu-west-1:123456789012:accesspoint", ErrorCode::kBadArgument,
       "invalid bucket name"},
  };
  for (const auto& [arn, code, message] : cases) {
    const Error error = ErrorOf([a = arn] { ValidateBucketName(a); });
    EXPECT_EQ(error.code(), code) << arn;
    EXPECT_EQ(std::string(error.what()).find(message), 0u) << error.what();
    EXPECT_NE(error.hint(), "") << arn;
  }
  const std::string long_name =
      "arn:aws:s3:eu-west-1:123456789012:accesspoint/" + std::string(51, 'a');
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateBucketName(long_name));
}

TEST(AccessPoint, IsTheSourceOfACopyAsBotocoreWritesIt) {
  const S3Request request = CopyObject(kPoint, "a b/c", "files", "d");
  EXPECT_EQ(request.headers.at(0).value,
            "arn%3Aaws%3As3%3Aeu-west-1%3A123456789012%3Aaccesspoint/my-point/object/a%20b/c");
}

TEST(AccessPoint, IsNoBucketToMakeOrDelete) {
  EXPECT_ERROR(ErrorCode::kUnsupported, CreateBucket(kPoint, "eu-west-1", true));
  EXPECT_ERROR(ErrorCode::kUnsupported, DeleteBucket(kPoint));
}

TEST(AccessPoint, HasFieldsThatFitAHost) {
  const std::string longest(63 - 13, 'a');
  EXPECT_EQ(ParseAccessPoint("arn:aws:s3:eu-west-1:123456789012:accesspoint/" + longest).name,
            longest);
  for (const std::string fields :
       {"eu-west-1:12345678901:accesspoint/ab", "eu-west-1:12345678901x:accesspoint/ab",
        "-eu:123456789012:accesspoint/ab", "eu-:123456789012:accesspoint/ab",
        "EU:123456789012:accesspoint/ab", "eu-west-1:123456789012:accesspoint/",
        "eu-west-1:123456789012:accesspoint/a_b"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ParseAccessPoint("arn:aws:s3:" + fields)) << fields;
  }
  for (const std::size_t size : {51u, 64u}) {
    EXPECT_ERROR(ErrorCode::kBadArgument,
                 ParseAccessPoint("arn:aws:s3:eu-west-1:123456789012:accesspoint/" +
                                  std::string(size, 'a')));
  }
}

TEST(AccessPoint, LeavesAnEndpointWithAPathAsItIs) {
  Endpoint endpoint = AwsEndpoint("us-east-1");
  endpoint.base_path = "/base";
  EXPECT_EQ(UrlAt(endpoint), "https://my-point-123456789012.s3.us-east-1.amazonaws.com/base");
}

}  // namespace
}  // namespace neon_s3

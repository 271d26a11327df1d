#include "core/sts_request.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

constexpr std::int64_t kNoon = 1769860800;  // 2026-01-31T12:00:00Z
constexpr std::string_view kRole = "arn:aws:iam::123456789012:role/files";

std::string HeaderOf(const StsRequest& request, const std::string& name) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == name) return std::string(header.value);
  }
  return "none";
}

StsRequest MakeExample(std::string_view token) {
  const Credentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                token};
  return MakeAssumeRole(AwsEndpoint("eu-central-1", "sts"), "eu-central-1",
                        {kRole, "", "b+c/1", "3600"}, credentials, UtcTime(kNoon));
}

// Body and signatures are what botocore 1.43 sends for the same arguments at the same time.
TEST(AssumeRoleRequest, IsSignedAsBotocoreSignsIt) {
  const StsRequest request = MakeExample("");
  EXPECT_EQ(request.url, "https://sts.eu-central-1.amazonaws.com/");
  EXPECT_EQ(request.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%"
            "2Ffiles"
            "&RoleSessionName=neon_s3&ExternalId=b%2Bc%2F1&DurationSeconds=3600");
  EXPECT_EQ(HeaderOf(request, "Content-Type"), "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(HeaderOf(request, "X-Amz-Date"), "20260131T120000Z");
  EXPECT_EQ(HeaderOf(request, "X-Amz-Security-Token"), "none");
  EXPECT_EQ(
      HeaderOf(request, "Authorization"),
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260131/eu-central-1/sts/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, "
      "Signature=6c32ba957c7681254d8b4e740a7498bfb9d8a68c3db5b97f80f49d74533a6aee");
}

TEST(AssumeRoleRequest, SignsTheSessionTokenToo) {
  const StsRequest request = MakeExample("FwoGZXIvYXdzEXAMPLE/TOKEN+==");
  EXPECT_EQ(HeaderOf(request, "X-Amz-Security-Token"), "FwoGZXIvYXdzEXAMPLE/TOKEN+==");
  EXPECT_EQ(
      HeaderOf(request, "Authorization"),
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260131/eu-central-1/sts/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
      "Signature=ec5a1cc8bb8ae38abeda6b0e68a12d0054eec2f7468f9546c42a820d8ed8ff2c");
}

TEST(AssumeRoleRequest, LeavesOutWhatIsEmpty) {
  const StsRequest request = MakeAssumeRole({"http", "127.0.0.1", "9000", "/sts"}, "us-east-1",
                                            {kRole, "me", "", ""}, {"A", "S", ""}, UtcTime(kNoon));
  EXPECT_EQ(request.url, "http://127.0.0.1:9000/sts/");
  EXPECT_EQ(request.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%"
            "2Ffiles"
            "&RoleSessionName=me");
}

TEST(WebIdentityRequest, CarriesTheTokenAndNoSignature) {
  const StsRequest request = MakeAssumeRoleWithWebIdentity(AwsEndpoint("cn-north-1", "sts"),
                                                           {kRole, "", "", ""}, "ey.J/+=");
  EXPECT_EQ(request.url, "https://sts.cn-north-1.amazonaws.com.cn/");
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ffiles&RoleSessionName=neon_s3"
            "&WebIdentityToken=ey.J%2F%2B%3D");
  EXPECT_EQ(request.headers.size(), 1u);
  EXPECT_EQ(HeaderOf(request, "Content-Type"), "application/x-www-form-urlencoded; charset=utf-8");
}

TEST(HttpResponse, FindsHeadersInAnyCase) {
  HttpResponse response;
  response.headers = {{"ETag", "\"a\""}, {"x-amz-id", "1"}, {"X-Amz-Id", "2"}};
  EXPECT_EQ(response.Header("etag"), "\"a\"");
  EXPECT_EQ(response.Header("X-AMZ-ID"), "1");
  EXPECT_EQ(response.Header("none"), "");
}

}  // namespace
}  // namespace neon_s3

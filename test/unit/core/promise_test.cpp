#include "core/promise.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(Promise, IsKept) {
  const std::string sum(32, 'x');
  EXPECT_EQ(DescribeDifference({}, {5, "a/b", {}}), "");
  EXPECT_EQ(DescribeDifference({5, "a/b", sum}, {5, "a/b", sum}), "");
  EXPECT_EQ(DescribeDifference({5, "A/b", {}}, {5, "a/B", {}}), "");
}

TEST(Promise, OfAChecksumThatTheServerDoesNotReport) {
  EXPECT_EQ(DescribeDifference({{}, {}, std::string(32, 'x')}, {5, "a/b", {}}), "");
}

TEST(Promise, IsBroken) {
  EXPECT_EQ(DescribeDifference({5, "a/b", {}}, {4, "a/b", {}}),
            "Its length is 4, but 5 was promised.");
  EXPECT_EQ(DescribeDifference({5, "a/b", {}}, {5, "text/html", {}}),
            "Its content type is \"text/html\", but \"a/b\" was promised.");
  EXPECT_EQ(DescribeDifference({5, "a/b", {}}, {5, "", {}}),
            "Its content type is \"\", but \"a/b\" was promised.");
  EXPECT_EQ(DescribeDifference({{}, {}, std::string(32, '\x01')}, {5, "", std::string(32, '\x02')})
                .substr(0, 18),
            "Its SHA-256 is 020");
}

TEST(ReportedChecksum, IsThatOfAWholeObject) {
  HttpResponse reply;
  EXPECT_FALSE(ReportedChecksum(reply));
  reply.headers.push_back(
      {"X-Amz-Checksum-Sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="});
  EXPECT_EQ(ReportedChecksum(reply)->size(), 32u);
  reply.headers[0].value = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-2";
  EXPECT_FALSE(ReportedChecksum(reply));
}

TEST(HeadWithChecksum, AsksForIt) {
  const S3Request request = HeadWithChecksum("bucket", "k");
  ASSERT_EQ(request.headers.size(), 1u);
  EXPECT_EQ(request.headers[0].name, "x-amz-checksum-mode");
  EXPECT_EQ(request.method, "HEAD");
}

}  // namespace
}  // namespace neon_s3

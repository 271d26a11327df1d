#include "net/retry.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

S3Error Failure(ErrorCode code, int status = 0, const char* s3_code = "") {
  return S3Error(code, status, s3_code, "", "", "");
}
S3Error Status(int status, const char* s3_code = "") {
  const ErrorCode code = status >= 500 ? ErrorCode::kServerFailed : ErrorCode::kRefused;
  return Failure(code, status, s3_code);
}

TEST(Retry, RetriesWhatMayPass) {
  const S3Error always[] = {Failure(ErrorCode::kConnect), Status(429), Status(503),
                            Status(503, "SlowDown")};
  for (const S3Error& error : always) {
    EXPECT_TRUE(MayRetry(error, Retry::kHarmless)) << error.status();
    EXPECT_TRUE(MayRetry(error, Retry::kUnsafe)) << error.status();
  }
  const S3Error where_harmless[] = {Failure(ErrorCode::kConnectionLost),
                                    Status(500),
                                    Status(502),
                                    Status(504),
                                    Status(400, "RequestTimeout"),
                                    Status(400, "ThrottlingException"),
                                    Status(403, "RequestLimitExceeded"),
                                    Status(400, "ProvisionedThroughputExceededException"),
                                    Status(400, "BandwidthLimitExceeded"),
                                    Status(200, "InternalError"),
                                    Status(200, "SlowDown")};
  for (const S3Error& error : where_harmless) {
    EXPECT_TRUE(MayRetry(error, Retry::kHarmless)) << error.status() << error.s3_code();
    EXPECT_FALSE(MayRetry(error, Retry::kUnsafe)) << error.status() << error.s3_code();
  }
}

TEST(Retry, LeavesTheRestAlone) {
  const S3Error never[] = {Status(400),
                           Status(403, "AccessDenied"),
                           Status(404, "NoSuchKey"),
                           Status(409, "OperationAborted"),
                           Status(412),
                           Status(501),
                           Failure(ErrorCode::kTooLarge),
                           Failure(ErrorCode::kNotPermitted),
                           Failure(ErrorCode::kMalformedReply),
                           Failure(ErrorCode::kBadArgument)};
  for (const S3Error& error : never)
    EXPECT_FALSE(MayRetry(error, Retry::kHarmless)) << error.status();
}

TEST(Retry, PausesLongerEachTime) {
  EXPECT_EQ(RetryPause(Status(500), 0, 0.0), milliseconds(0));
  EXPECT_EQ(RetryPause(Status(500), 0, 1.0), milliseconds(50));
  EXPECT_EQ(RetryPause(Status(500), 2, 0.5), milliseconds(100));
  EXPECT_EQ(RetryPause(Status(503, "SlowDown"), 0, 1.0), milliseconds(1000));
  EXPECT_EQ(RetryPause(Status(429), 1, 1.0), milliseconds(2000));
  EXPECT_EQ(RetryPause(Status(429), 1000, 1.0), milliseconds(20000));
}

TEST(Retry, ReadsRetryAfter) {
  EXPECT_EQ(ParseRetryAfter("0", 0), seconds(0));
  EXPECT_EQ(ParseRetryAfter("120", 0), seconds(120));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 5), seconds(5));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 5), seconds(0));
  for (const char* text : {"", "-1", "1.5", "soon", "99999999999999999999"}) {
    EXPECT_FALSE(ParseRetryAfter(text, 0)) << text;
  }
}

TEST(RetryQuota, EndsWhereNothingSucceeds) {
  RetryQuota quota;
  int taken = 0;
  while (quota.Take()) ++taken;
  EXPECT_EQ(taken, 100);
  for (int i = 0; i < 4; ++i) quota.GiveBack(0);
  EXPECT_FALSE(quota.Take());
  quota.GiveBack(2);
  EXPECT_TRUE(quota.Take());
  EXPECT_TRUE(quota.Take());
  EXPECT_FALSE(quota.Take());
}

}  // namespace
}  // namespace neon_s3

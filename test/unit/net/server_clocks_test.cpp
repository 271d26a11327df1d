// Servers whose clock is another one.
#include "net/server_clocks.h"

#include <gtest/gtest.h>

#include "core/utc_time.h"
#include "net/endpoint_url.h"
#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

constexpr char kDate[] = "Date: Thu, 01 Jan 2026 12:00:00 GMT\r\n";
constexpr std::int64_t kServerTime = 1767268800;  // the same

std::int64_t local_time = kServerTime - 3600;

HttpResponse Refusal(const std::string& code, const std::string& date) {
  HttpResponse response;
  response.status = 403;
  response.body = ErrorDocument(code);
  if (!date.empty()) response.headers.push_back({"Date", SecretString(date)});
  return response;
}

TEST(ServerClocks, BelieveARefusalForTheTime) {
  const std::string date = "Thu, 01 Jan 2026 12:00:00 GMT";
  EXPECT_EQ(OffsetAfterSkew(Refusal("RequestTimeTooSkewed", date), kServerTime - 7200), 7200);
  EXPECT_EQ(OffsetAfterSkew(Refusal("RequestTimeTooSkewed", date), kServerTime + 7200), -7200);
  EXPECT_FALSE(OffsetAfterSkew(Refusal("AccessDenied", date), kServerTime - 7200));
  EXPECT_FALSE(OffsetAfterSkew(Refusal("RequestTimeTooSkewed", ""), kServerTime));
  EXPECT_FALSE(OffsetAfterSkew(Refusal("RequestTimeTooSkewed", "today"), kServerTime));
  EXPECT_FALSE(OffsetAfterSkew(Refusal("RequestTimeTooSkewed", date), kServerTime - 86401));
  HttpResponse done = Refusal("RequestTimeTooSkewed", date);
  done.status = 200;
  EXPECT_FALSE(OffsetAfterSkew(done, kServerTime - 7200));
}

TEST(ServerClocks, AreForgottenWhenTheClockIsSet) {
  ServerClocks clocks;
  const Endpoint endpoint = ParseEndpointUrl("http://a.example"),
                 other = ParseEndpointUrl("http://b.example");
  const MonotonicTime start{};
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000, start), 0);
  clocks.Remember(endpoint, 3600, 1000, start);
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000, start), 3600);
  EXPECT_EQ(clocks.OffsetOf(other, 1000, start), 0);
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000 + 86400 + 60, start + 24h), 3600);
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000 + 86400 + 61, start + 24h), 0);
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000 - 61, start), 0);
  clocks.Remember(endpoint, -5, 1000, start);
  EXPECT_EQ(clocks.OffsetOf(endpoint, 1000, start), -5);
}

TEST(ServerClocks, AreBounded) {
  ServerClocks clocks;
  for (int i = 0; i < 3000; ++i) {
    clocks.Remember(ParseEndpointUrl("http://h" + std::to_string(i)), 1, 0, {});
  }
  EXPECT_EQ(clocks.OffsetOf(ParseEndpointUrl("http://h1"), 0, {}), 0);
  EXPECT_EQ(clocks.OffsetOf(ParseEndpointUrl("http://h2999"), 0, {}), 1);
}

class SkewedTest : public S3ClientTest {
 protected:
  SkewedTest() {
    local_time = kServerTime - 3600;
    S3Surroundings surroundings = S3Surroundings::Real();
    surroundings.time_of_day = [] { return local_time; };
    skewed_ = std::make_unique<S3Client>(surroundings);
    limits_.max_attempts = 1;
    skewed_->Begin(service_, limits_);
    server_.Handle([](const ServedRequest& request) {
      if (request.headers.at("x-amz-date") == "20260101T120000Z") {
        return ServedReply::Kept(200, "fine", kDate);
      }
      return ServedReply::Kept(403, ErrorDocument("RequestTimeTooSkewed"), kDate);
    });
  }

  std::unique_ptr<S3Client> skewed_;
};

TEST_F(SkewedTest, SignsOnceMoreWithTheServersTime) {
  EXPECT_EQ(skewed_->Call(PutObject("bucket", "key", "body", {}, false)).body, "fine");
  EXPECT_EQ(skewed_->usage().retries, 1);
  EXPECT_EQ(skewed_->clock_offset(), 3600);
  ASSERT_EQ(server_.request_count(), 2u);
  EXPECT_EQ(server_.requests()[1].body, "body");
  skewed_->Begin(service_, limits_);  // and remembers it
  EXPECT_EQ(skewed_->Call(GetObject("bucket", "key")).body, "fine");
  EXPECT_EQ(server_.request_count(), 3u);
}

TEST_F(SkewedTest, AsksWhyAHeadIsRefused) {
  skewed_->Call(HeadObject("bucket", "key"));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].method + requests[1].method + requests[2].method, "HEADGETHEAD");
}

TEST_F(SkewedTest, CorrectsItOnce) {
  server_.Handle([](const ServedRequest&) {
    return ServedReply::Kept(403, ErrorDocument("RequestTimeTooSkewed"), kDate);
  });
  EXPECT_ERROR(ErrorCode::kRefused, skewed_->Call(GetObject("bucket", "key")));
  EXPECT_EQ(server_.request_count(), 2u);
}

TEST_F(SkewedTest, LeavesAClockThatIsRight) {
  local_time = kServerTime - 59;
  EXPECT_ERROR(ErrorCode::kRefused, skewed_->Call(GetObject("bucket", "key")));
  EXPECT_EQ(server_.request_count(), 1u);
}

TEST_F(SkewedTest, FollowsAClockThatIsSet) {
  skewed_->Call(GetObject("bucket", "key"));
  local_time = kServerTime;
  EXPECT_EQ(skewed_->clock_offset(), 0);
  skewed_->Call(GetObject("bucket", "key"));
  EXPECT_EQ(server_.request_count(), 3u);
}

TEST_F(SkewedTest, CorrectsRequestsThatRunAtOnce) {
  limits_.max_in_flight = 4;
  skewed_->Begin(service_, limits_);
  for (std::size_t id = 0; id < 8; ++id) skewed_->Submit(id, GetObject("bucket", "key"));
  while (skewed_->busy()) EXPECT_FALSE(skewed_->Next().error);
  EXPECT_LE(server_.request_count(), 12u);
}

}  // namespace
}  // namespace neon_s3::test

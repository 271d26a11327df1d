#include "net/s3_client.h"

#include <set>

#include <gtest/gtest.h>

#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

TEST_F(S3ClientTest, SignsForItsRegionAndTheTimeOfDay) {
  service_.region = "eu-west-1";
  service_.credentials.session_token = "TOKEN";
  Begin();
  EXPECT_EQ(client_.Call(GetObject("bucket", "a b")).body, "fine");
  const ServedRequest request = server_.requests().at(0);
  EXPECT_EQ(request.target, "/bucket/a%20b");
  EXPECT_EQ(SignedRegion(request), "eu-west-1");
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "TOKEN");
  const std::string date = request.headers.at("x-amz-date");
  EXPECT_GE(date, UtcTime(std::time(nullptr) - 30).timestamp());
  EXPECT_LE(date, UtcTime(std::time(nullptr)).timestamp());
}

TEST_F(S3ClientTest, SignsNothingForTheAnonymous) {
  service_.is_anonymous = true;
  Begin();
  client_.Call(GetObject("bucket", "key"));
  EXPECT_EQ(SignedRegion(server_.requests().at(0)), "none");
}

TEST_F(S3ClientTest, HashesSmallBodiesOnly) {
  const std::string small(1 << 20, 'x'), large((1 << 20) + 1, 'x');
  client_.Call(PutObject("bucket", "key", small, {}, true));
  client_.Call(PutObject("bucket", "key", large, {}, true));
  const auto requests = server_.requests();
  EXPECT_EQ(requests.at(0).headers.at("x-amz-content-sha256").size(), 64u);
  EXPECT_EQ(requests.at(1).headers.at("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(requests.at(0).body, small);
  EXPECT_EQ(requests.at(1).body, large);
  EXPECT_EQ(requests.at(1).headers.count("expect"), 0u);  // nobody waits for its answer
}

TEST_F(S3ClientTest, KeepsItsConnection) {
  for (int i = 0; i < 20; ++i) {
    client_.Call(HeadObject("bucket", "key"));
    client_.Call(PutObject("bucket", "key", "body", {}, true));
    Begin();
  }
  EXPECT_EQ(server_.connection_count(), 1);
  EXPECT_EQ(server_.request_count(), 40u);
}

TEST_F(S3ClientTest, RunsSeveralAtOnce) {
  server_.Handle([](const ServedRequest& request) {
    std::this_thread::sleep_for(20ms);
    return ServedReply::Kept(200, request.target);
  });
  limits_.max_in_flight = 4;
  Begin();
  for (std::size_t i = 0; i < 30; ++i) {
    client_.Submit(i, GetObject("bucket", std::to_string(i)));
  }
  std::set<std::size_t> ids;
  while (client_.busy()) {
    const S3Reply reply = client_.Next();
    ASSERT_FALSE(reply.error);
    EXPECT_EQ(reply.response.body, ("/bucket/" + std::to_string(reply.id)).c_str());
    ids.insert(reply.id);
  }
  EXPECT_EQ(ids.size(), 30u);
  EXPECT_EQ(server_.peak(), 4);
  EXPECT_EQ(server_.connection_count(), 4);
}

TEST_F(S3ClientTest, SendsWhatIsPolledBeforeAnybodyWaits) {
  client_.Submit(7, GetObject("bucket", "key"));
  EXPECT_EQ(server_.request_count(), 0u);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (server_.request_count() == 0 && std::chrono::steady_clock::now() < deadline) {
    client_.Poll();
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(server_.request_count(), 1u);
  EXPECT_EQ(client_.Next().id, 7u);
  EXPECT_FALSE(client_.busy());
}

TEST_F(S3ClientTest, KeepsSixteenConnectionsAtMost) {
  server_.Handle([](const ServedRequest&) {
    std::this_thread::sleep_for(100ms);
    return ServedReply::Kept(200, "");
  });
  limits_.max_in_flight = 24;
  Begin();
  client_.Call(HeadObject("bucket", "key"));
  const std::size_t before = OpenDescriptors();
  for (std::size_t i = 0; i < 24; ++i) client_.Submit(i, HeadObject("bucket", "key"));
  while (client_.busy()) client_.Next();
  std::this_thread::sleep_for(100ms);  // the server's half
  EXPECT_EQ(server_.peak(), 24);
  EXPECT_LE(OpenDescriptors() - before, 2 * 15u);
}

TEST_F(S3ClientTest, SendsAgainWhatMetAClosedConnection) {
  const std::string body(200000, 'b');
  const std::vector<std::string_view> keys = {"a", "b"};
  for (const S3Request& request : {PutObject("bucket", "key", body, {}, true),
                                   DeleteObjects("bucket", keys), GetObject("bucket", "key")}) {
    server_.Handle(Always(ServedReply::Kept(200, "fine")));
    client_.Call(GetObject("bucket", "first"));
    const std::size_t before = server_.request_count();
    const int connections = server_.connection_count();
    server_.Handle(First(1, {""}, ServedReply::Kept(200, "fine")));
    limits_.max_attempts = 1;
    Begin();
    EXPECT_EQ(client_.Call(request).body, "fine") << request.operation;
    const auto requests = server_.requests();
    ASSERT_EQ(requests.size(), before + 2) << request.operation;
    EXPECT_EQ(requests.back().body, request.body());
    EXPECT_EQ(requests.back().body, requests[before].body);
    EXPECT_EQ(server_.connection_count(), connections + 1);
  }
}

TEST_F(S3ClientTest, NoticesAClosedConnection) {
  server_.Handle(Always(ServedReply::Of(200, "fine")));  // and closed
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client_.Call(PutObject("bucket", "key", "body", {}, true)).body, "fine");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(server_.request_count(), 3u);
  EXPECT_EQ(client_.usage().retries, 0);
}

TEST_F(S3ClientTest, SendsUnsafeRequestsOnce) {
  client_.Call(GetObject("bucket", "first"));
  for (const ServedReply& reply :
       {ServedReply{""}, ServedReply{"", ServedReply::kReset}, ServedReply::Of(500, "")}) {
    server_.Handle(First(1, reply, ServedReply::Kept(200, "fine")));
    const std::size_t before = server_.request_count();
    const S3Error error = ErrorFor(PutObject("bucket", "key", "body", {}, /*overwrite=*/false));
    EXPECT_EQ(server_.request_count(), before + 1);
    EXPECT_TRUE(error.code() == ErrorCode::kConnectionLost ||
                error.code() == ErrorCode::kServerFailed);
  }
  server_.Handle(First(1, ServedReply::Kept(503, ""), ServedReply::Kept(200, "fine")));
  EXPECT_EQ(client_.Call(PutObject("bucket", "key", "body", {}, false)).body, "fine");
}

TEST_F(S3ClientTest, CountsWhatItDoes) {
  static std::int64_t sent, received;
  sent = received = 0;
  limits_.on_progress = [](const S3Usage& usage) {
    sent = usage.bytes_sent, received = usage.bytes_received;
  };
  Begin();
  const std::string body(100000, 'x');
  client_.Call(PutObject("bucket", "key", body, {}, true));
  server_.Handle(First(1, ServedReply::Kept(500, "12345"), ServedReply::Kept(200, "1234567890")));
  client_.Call(GetObject("bucket", "key"));
  server_.Handle(Always(ServedReply::Kept(404, "")));
  ErrorFor(GetObject("bucket", "key"));
  const S3Usage& usage = client_.usage();
  EXPECT_EQ(usage.requests, 3);
  EXPECT_EQ(usage.retries, 1);
  EXPECT_EQ(usage.errors, 1);
  EXPECT_EQ(usage.bytes_sent, 100000);
  EXPECT_EQ(usage.bytes_received, 4 + 5 + 10);
  EXPECT_EQ(sent, usage.bytes_sent);
  EXPECT_EQ(received, usage.bytes_received);
  Begin();
  EXPECT_EQ(client_.usage().requests, 0);
  EXPECT_EQ(client_.usage().bytes_received, 0);
}

TEST_F(S3ClientTest, AsksAllowedHostsOnly) {
  limits_.allowed_hosts = "s3.example.com, 127.0.0.1";
  Begin();
  client_.Call(HeadObject("bucket", "key"));
  limits_.allowed_hosts = "s3.example.com";
  Begin();
  const Error error = ErrorOf([&] { client_.Call(HeadObject("bucket", "key")); });
  EXPECT_EQ(error.code(), ErrorCode::kNotPermitted);
  limits_.allowed_hosts = "*";
  EXPECT_EQ(ErrorOf([&] { Begin(); }).code(), ErrorCode::kBadArgument);
}

TEST_F(S3ClientTest, NeedsTlsToOtherMachines) {
  Ask("http://192.0.2.1");  // a test network (RFC 5737)
  const Stopwatch stopwatch;
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kNotPermitted) << AllOf(error);
  EXPECT_NE(error.hint().find("neon_s3.allow_http"), std::string::npos);
  EXPECT_LT(stopwatch.elapsed(), 3000ms);

  limits_.allow_http = true;
  limits_.request_timeout = 300ms;
  Begin();
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kConnect);
  Ask("http://169.254.169.254");
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kNotPermitted);
}

TEST_F(S3ClientTest, ReportsWhatCannotBeSentLikeAnyError) {
  service_.addressing_style = AddressingStyle::kVirtual;  // at an IP address
  Begin();
  client_.Submit(7, HeadObject("bucket", "key"));
  const S3Reply reply = client_.Next();
  EXPECT_EQ(reply.id, 7u);
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->code(), ErrorCode::kBadArgument);
  EXPECT_FALSE(client_.busy());
}

}  // namespace
}  // namespace neon_s3::test

// Servers that fail, and requests that are cancelled.
#include <gtest/gtest.h>

#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

const ServedReply kFine = ServedReply::Kept(200, "fine");

TEST_F(S3ClientTest, RetriesFailures) {
  const ServedReply failures[] = {
      ServedReply::Kept(500, ""),
      ServedReply::Kept(503, ErrorDocument("ServiceUnavailable")),
      ServedReply::Kept(400, ErrorDocument("RequestTimeout")),
      {""},
      {"", ServedReply::kReset},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ServedReply::kReset},
  };
  for (const ServedReply& failure : failures) {
    server_.Handle(First(2, failure, kFine));
    Begin();
    const std::size_t before = server_.request_count();
    EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, "fine") << failure.bytes;
    EXPECT_EQ(server_.request_count(), before + 3);
    EXPECT_GE(client_.usage().retries, 1);  // libcurl's own does not count
  }
}

TEST_F(S3ClientTest, AsksAgainWhereAnEarlierReplyHadARest) {
  client_.Call(GetObject("bucket", "key"));
  ServedReply with_rest = kFine;
  with_rest.bytes.insert(0, "</Error>");
  server_.Handle(First(1, with_rest, kFine));
  Begin();
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, "fine");
  EXPECT_EQ(client_.usage().retries, 1);
  EXPECT_EQ(server_.connection_count(), 2);

  server_.Handle(Always(with_rest));
  Begin();
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kMalformedReply);
}

TEST_F(S3ClientTest, GivesUpAfterSomeAttempts) {
  server_.Handle(Always(ServedReply::Kept(503, ErrorDocument("ServiceUnavailable"))));
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kServerFailed);
  EXPECT_EQ(error.status(), 503);
  EXPECT_EQ(error.s3_code(), "ServiceUnavailable");
  EXPECT_NE(error.detail().find("HTTP status 503"), std::string::npos) << error.detail();
  EXPECT_NE(error.detail().find(", 3 attempts"), std::string::npos) << error.detail();
  EXPECT_EQ(server_.request_count(), 3u);

  limits_.max_attempts = 1;
  Begin();
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).detail().find("attempts"), std::string::npos);
  EXPECT_EQ(server_.request_count(), 4u);
}

TEST_F(S3ClientTest, SaysWhereItCouldNotConnect) {
  const SilentPort closed(SilentPort::kClosed);
  Ask(closed.url());
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kConnect);
  EXPECT_EQ(error.what(), "could not connect to \"" + closed.authority() + "\"");
  EXPECT_NE(error.detail().find(", 3 attempts"), std::string::npos) << error.detail();
}

TEST_F(S3ClientTest, SaysWhereANameIsNone) {
  limits_.allow_http = true;
  limits_.request_timeout = 2s;
  Ask("http://nowhere.invalid");
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kConnect) << AllOf(error);
  EXPECT_EQ(error.what(), std::string("could not connect to \"nowhere.invalid\""));
}

TEST_F(S3ClientTest, RetriesNothingThatWillFailAgain) {
  limits_.ca_file = "/nonexistent/ca.pem";
  Ask("https://" + server_.authority());
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kConnect) << AllOf(error);
  EXPECT_EQ(client_.usage().retries, 0);
}

TEST_F(S3ClientTest, LeavesAFailingServerAlone) {
  server_.Handle(Always(ServedReply::Kept(500, "")));
  limits_.max_attempts = 10;
  Begin();
  for (std::size_t i = 0; i < 50; ++i) client_.Submit(i, HeadObject("bucket", "key"));
  while (client_.busy()) EXPECT_TRUE(client_.Next().error);
  EXPECT_EQ(server_.request_count(), 150u);  // not 500
}

TEST_F(S3ClientTest, WaitsAsLongAsTheServerAsksFor) {
  server_.Handle(First(1, ServedReply::Kept(503, "", "Retry-After: 1\r\n"), kFine));
  Stopwatch stopwatch;
  client_.Call(GetObject("bucket", "key"));
  EXPECT_GE(stopwatch.elapsed(), 1000ms);

  server_.Handle(First(1, ServedReply::Kept(503, "", "Retry-After: 6\r\n"), kFine));
  stopwatch = Stopwatch();
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kServerFailed);
  EXPECT_LT(stopwatch.elapsed(), 5000ms);
}

TEST_F(S3ClientTest, TakesAnErrorForWhatItIs) {
  const S3Request copy = CopyObject("bucket", "a", "bucket", "b");
  server_.Handle(First(2, ServedReply::Kept(200, "\n \n" + ErrorDocument("InternalError")),
                       ServedReply::Kept(200, "<CopyObjectResult/>")));
  EXPECT_EQ(client_.Call(copy).body, "<CopyObjectResult/>");

  server_.Handle(Always(ServedReply::Kept(200, ErrorDocument("AccessDenied"))));
  const std::size_t before = server_.request_count();
  EXPECT_EQ(ErrorFor(copy).code(), ErrorCode::kRefused);
  EXPECT_EQ(server_.request_count(), before + 1);
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, ErrorDocument("AccessDenied").c_str());
}

TEST_F(S3ClientTest, GivesUpAtTheDeadline) {
  const ServedReply slow[] = {
      {"", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\n", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + std::string(900, 'x'),
       ServedReply::kDrip},
  };
  limits_.request_timeout = 300ms;
  for (const ServedReply& reply : slow) {
    server_.Handle(Always(reply));
    Begin();
    const Stopwatch stopwatch;
    const S3Error error = ErrorFor(GetObject("bucket", "key"));
    EXPECT_EQ(error.code(), ErrorCode::kConnectionLost);
    EXPECT_EQ(error.what(), "request to \"" + server_.authority() + "\" timed out");
    EXPECT_GE(stopwatch.elapsed(), 300ms);
    EXPECT_LT(stopwatch.elapsed(), 5000ms);
  }
  const SilentPort full(SilentPort::kFull);
  Ask(full.url());
  const Stopwatch stopwatch;
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kConnect);
  EXPECT_LT(stopwatch.elapsed(), 5000ms);
}

TEST_F(S3ClientTest, ConnectsInItsTime) {
  const SilentPort full(SilentPort::kFull);
  limits_.connect_timeout = 100ms;
  Ask(full.url());
  const Stopwatch stopwatch;
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kConnect);
  EXPECT_NE(error.detail().find(", 3 attempts"), std::string::npos) << error.detail();
  EXPECT_GE(stopwatch.elapsed(), 300ms);
  EXPECT_LT(stopwatch.elapsed(), 5000ms);
}

TEST_F(S3ClientTest, LimitsWhatItKeeps) {
  limits_.max_response_size = 1000;
  Begin();
  server_.Handle(Always(ServedReply::Kept(200, std::string(1000, 'x'))));
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body.size(), 1000u);
  const ServedReply large[] = {
      ServedReply::Of(200, std::string(1001, 'x')),
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(5000000, 'x')},
      {"HTTP/1.1 403 X\r\n\r\n" + std::string(5000000, 'x')},
      ServedReply::Of(200, "", "X: " + std::string(70000, 'x') + "\r\n"),
      ServedReply::Of(200, "", "X: " + std::string(300000, 'x') + "\r\n"),
  };
  for (const ServedReply& reply : large) {
    server_.Handle(Always(reply));
    const std::size_t before = server_.request_count();
    const S3Error error = ErrorFor(GetObject("bucket", "key"));
    EXPECT_EQ(error.code(), ErrorCode::kTooLarge) << reply.bytes.substr(0, 60);
    EXPECT_EQ(server_.request_count(), before + 1);
  }
  server_.Handle(Always(ServedReply::Of(200, std::string(17 << 20, 'x'))));
  EXPECT_EQ(ErrorFor(ListObjects("bucket", {})).code(), ErrorCode::kTooLarge);
}

struct Phase {
  const char* name;
  std::string url;
  ServedReply reply;
};

TEST_F(S3ClientTest, IsCancelledSoonInEveryPhase) {
  const SilentPort full(SilentPort::kFull), open(SilentPort::kOpen);
  const std::string body(64 << 20, 'x');
  const Phase phases[] = {
      {"connecting", full.url(), {}},
      {"TLS", "https://" + open.authority(), {}},
      {"sending", open.url(), {}},
      {"waiting", server_.url(), {"", ServedReply::kHang}},
      {"body",
       server_.url(),
       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", ServedReply::kHang}},
      {"dripping", server_.url(), {std::string(500, 'x'), ServedReply::kDrip}},
      {"retry pause", server_.url(), ServedReply::Kept(503, "", "Retry-After: 4\r\n")},
  };
  for (const Phase& phase : phases) {
    server_.Handle(Always(phase.reply));
    Ask(phase.url);
    cancel_flag = false;
    MonotonicTime cancelled_at;
    std::thread canceller([&] {
      std::this_thread::sleep_for(150ms);
      cancelled_at = MonotonicNow();
      cancel_flag = true;
    });
    const Error error =
        ErrorOf([&] { client_.Call(PutObject("bucket", "key", body, {}, /*overwrite=*/true)); });
    const auto latency = MonotonicNow() - cancelled_at;
    canceller.join();
    EXPECT_EQ(error.code(), ErrorCode::kCancelled) << phase.name << ": " << AllOf(error);
    EXPECT_LT(latency, 3000ms) << phase.name;
    EXPECT_FALSE(client_.busy());
  }
}

TEST_F(S3ClientTest, LeavesNothingOpen) {
  server_.Handle(Always({"", ServedReply::kHang}));
  {
    const SilentPort open(SilentPort::kOpen);  // nobody accepts: all descriptors are the client's
    Ask(open.url());
    std::size_t before = 0;
    for (int round = 0; round < 20; ++round) {
      for (std::size_t i = 0; i < 8; ++i) client_.Submit(i, GetObject("bucket", "key"));
      cancel_flag = false;
      std::thread canceller([] {
        std::this_thread::sleep_for(20ms);
        cancel_flag = true;
      });
      EXPECT_EQ(ErrorOf([&] { client_.Next(); }).code(), ErrorCode::kCancelled);
      canceller.join();
      if (round == 0) before = OpenDescriptors();  // with libcurl's own, to wake it up
    }
    EXPECT_EQ(OpenDescriptors(), before);
  }
  cancel_flag = false;
  server_.Handle(Always(kFine));
  Ask(server_.url());
  client_.Submit(1, GetObject("bucket", "key"));
  client_.Drop();
  client_.Drop();
  EXPECT_FALSE(client_.busy());
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, "fine");
}

}  // namespace
}  // namespace neon_s3::test

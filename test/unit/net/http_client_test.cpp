#include "net/http_client.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/time.h>

#include "http_server.h"
#include "net/metadata_address.h"
#include "net_test_util.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using test::ErrorOf;
using test::HttpServer;
using test::ServedReply;
using test::ServedRequest;
using test::SilentPort;
using test::Stopwatch;

HttpLimits Within(std::chrono::milliseconds time) {
  HttpLimits limits;
  limits.deadline = MonotonicNow() + time;
  limits.max_body_size = 1000;
  return limits;
}

HttpResponse Get(const std::string& url, std::chrono::milliseconds time = 1s) {
  return HttpClient().Perform({"GET", url, {}, {}}, Within(time));
}

HttpServer::Handler Always(const ServedReply& reply) {
  return [reply](const ServedRequest&) { return reply; };
}

TEST(HttpClient, GivesStatusHeadersAndBody) {
  HttpServer server(Always(ServedReply::Of(404, "not here", "ETag:  \"x\"\r\nX-Empty:\r\n")));
  const HttpResponse response = Get(server.url() + "/a/../b//c?x=%20");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "not here");
  EXPECT_EQ(response.Header("etag"), "\"x\"");
  EXPECT_EQ(response.Header("x-empty"), "");
  const ServedRequest request = server.requests().at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a/../b//c?x=%20");
  EXPECT_EQ(request.headers.at("host"), server.authority());
}

TEST(HttpClient, SendsMethodHeadersAndBody) {
  HttpServer server(Always(ServedReply::Of(200, "")));
  HttpClient client;
  const std::string body("a\0b", 3);
  client.Perform({"POST",
                  server.url() + "/",
                  {{"Content-Type", "x/y"}, {"X-Empty", ""}, {"X-Blank", "  "}},
                  body},
                 Within(1s));
  client.Perform({"PUT", server.url() + "/", {}, {}}, Within(1s));
  client.Perform({"DELETE", server.url() + "/", {}, {}}, Within(1s));
  client.Perform({"HEAD", server.url() + "/", {}, {}}, Within(1s));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].body, body);
  EXPECT_EQ(requests[0].headers.at("content-type"), "x/y");
  EXPECT_EQ(requests[0].headers.at("x-empty"), "");
  EXPECT_EQ(requests[0].headers.at("x-blank"), "");  // as it is signed
  EXPECT_EQ(requests[0].headers.count("expect"), 0u);
  EXPECT_EQ(requests[1].method, "PUT");
  EXPECT_EQ(requests[1].headers.at("content-length"), "0");
  EXPECT_EQ(requests[1].headers.count("content-type"), 0u);
  EXPECT_EQ(requests[2].method, "DELETE");
  EXPECT_EQ(requests[3].method, "HEAD");
}

TEST(HttpClient, RefusesHeadersThatWouldBecomeOthers) {
  HttpServer server(Always(ServedReply::Of(200, "")));
  const HttpHeader headers[] = {
      {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X\r\nY", "b"}, {"X Y", "b"}, {"", "b"}};
  for (const HttpHeader& header : headers) {
    const Error error = ErrorOf([&] {
      HttpClient().Perform({"GET", server.url(), {header}, {}}, Within(1s));
    });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
  }
  EXPECT_EQ(server.request_count(), 0u);
}

TEST(HttpClient, TakesHttpUrlsOnly) {
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "",
                          "127.0.0.1", "http://user:pw@127.0.0.1/", "http://"}) {
    const Error error = ErrorOf([&] { Get(url); });
    EXPECT_TRUE(error.code() == ErrorCode::kBadArgument ||
                error.code() == ErrorCode::kConnectionLost)
        << url << ": " << error.what();
  }
}

TEST(HttpClient, FollowsNoRedirects) {
  HttpServer other(Always(ServedReply::Of(200, "stolen")));
  HttpServer server(Always(ServedReply::Of(302, "", "Location: " + other.url() + "/\r\n")));
  EXPECT_EQ(Get(server.url()).status, 302);
  EXPECT_EQ(other.request_count(), 0u);
}

TEST(HttpClient, UsesNoProxy) {
  HttpServer proxy(Always(ServedReply::Of(200, "proxy")));
  HttpServer server(Always(ServedReply::Of(200, "server")));
  test::CleanEnvironment environment;
  environment.Set("http_proxy", proxy.url());
  environment.Set("all_proxy", proxy.url());
  EXPECT_EQ(Get(server.url()).body, "server");
}

TEST(HttpClient, LimitsWhatItKeeps) {
  HttpServer server(Always(ServedReply::Of(200, std::string(1000, 'x'))));
  EXPECT_EQ(Get(server.url()).body.size(), 1000u);
  for (const ServedReply& reply :
       {ServedReply::Of(200, std::string(1001, 'x')),
        ServedReply{"HTTP/1.1 200 OK\r\n\r\n" + std::string(5000000, 'x')},
        ServedReply::Of(200, "", "X: " + std::string(70000, 'x') + "\r\n")}) {
    server.Handle(Always(reply));
    const Error error = ErrorOf([&] { Get(server.url()); });
    EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
  }
}

TEST(HttpClient, GivesUpAtTheDeadline) {
  const ServedReply slow[] = {
      {"", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\n", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ServedReply::kHang},
      {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + std::string(900, 'x'),
       ServedReply::kDrip},
  };
  for (const ServedReply& reply : slow) {
    HttpServer server(Always(reply));
    const Stopwatch stopwatch;
    const Error error = ErrorOf([&] { Get(server.url(), 300ms); });
    EXPECT_EQ(error.code(), ErrorCode::kConnectionLost);
    EXPECT_EQ(error.what(), "request to \"" + server.authority() + "\" timed out");
    EXPECT_GE(stopwatch.elapsed(), 300ms);
    EXPECT_LT(stopwatch.elapsed(), 1500ms);
  }
}

TEST(HttpClient, TellsWhatBroke) {
  const SilentPort closed(SilentPort::kClosed);
  EXPECT_EQ(ErrorOf([&] { Get(closed.url()); }).code(), ErrorCode::kConnect);

  struct Case {
    ServedReply reply;
    ErrorCode code;
  };
  const Case cases[] = {
      {{""}, ErrorCode::kConnectionLost},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}, ErrorCode::kConnectionLost},
      {{"no HTTP at all\r\n\r\n"}, ErrorCode::kMalformedReply},
      {{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc"}, ErrorCode::kMalformedReply},
      {{"\x16\x03\x01\xff\xff"}, ErrorCode::kMalformedReply},
  };
  for (const Case& c : cases) {
    HttpServer server(Always(c.reply));
    const Error error = ErrorOf([&] { Get(server.url()); });
    EXPECT_EQ(error.code(), c.code) << c.reply.bytes << "|" << test::AllOf(error);
  }
}

TEST(HttpClient, FailsToSpeakTlsWithAPlainServer) {
  HttpServer server(Always(ServedReply::Of(400, "")));
  const Error error = ErrorOf([&] { Get("https://" + server.authority()); });
  EXPECT_EQ(error.code(), ErrorCode::kConnect);
  EXPECT_EQ(error.what(), "could not connect to \"" + server.authority() + "\"");
}

std::atomic<bool> cancel_flag{false};
bool IsCancelled() { return cancel_flag; }

TEST(HttpClient, IsCancelledSoon) {
  HttpServer server(Always({"", ServedReply::kHang}));
  HttpLimits limits = Within(10s);
  limits.cancelled = IsCancelled;
  for (const std::string& url :
       {server.url(), std::string("http://192.0.2.1/")}) {  // a test network (RFC 5737)
    cancel_flag = false;
    MonotonicTime cancelled_at;
    std::thread canceller([&] {
      std::this_thread::sleep_for(200ms);
      cancelled_at = MonotonicNow();
      cancel_flag = true;
    });
    const Error error = ErrorOf([&] { HttpClient().Perform({"GET", url, {}, {}}, limits); });
    const auto latency = MonotonicNow() - cancelled_at;
    canceller.join();
    if (error.code() == ErrorCode::kConnect) continue;  // where there is no route to anywhere
    EXPECT_EQ(error.code(), ErrorCode::kCancelled) << error.what();
    EXPECT_LT(latency, 3000ms);
  }
}

TEST(HttpClient, SendsNothingOnceCancelled) {
  HttpServer server(Always(ServedReply::Of(200, "")));
  HttpLimits limits = Within(1s);
  limits.cancelled = IsCancelled;
  cancel_flag = true;
  EXPECT_EQ(ErrorOf([&] {
              HttpClient().Perform({"GET", server.url(), {}, {}}, limits);
            }).code(),
            ErrorCode::kCancelled);
  EXPECT_EQ(server.request_count(), 0u);
}

pthread_t signalled_thread;
volatile std::sig_atomic_t signals = 0;
void OnAlarm(int) {
  signalled_thread = pthread_self();
  signals = signals + 1;
  cancel_flag = true;
}

TEST(HttpClient, LetsSignalsInAndLeavesTheMaskAlone) {
  HttpServer server(Always({"", ServedReply::kHang}));
  struct sigaction action {
  }, previous;
  action.sa_handler = OnAlarm;
  sigaction(SIGALRM, &action, &previous);
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);

  cancel_flag = false;
  HttpLimits limits = Within(5s);
  limits.cancelled = IsCancelled;
  const pthread_t this_thread = pthread_self();
  std::thread sender([this_thread] {
    std::this_thread::sleep_for(100ms);
    pthread_kill(this_thread, SIGALRM);
  });
  const Error error = ErrorOf([&] { HttpClient().Perform({"GET", server.url(), {}, {}}, limits); });
  sender.join();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  sigaction(SIGALRM, &previous, nullptr);
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  EXPECT_EQ(signals, 1);
  EXPECT_TRUE(pthread_equal(signalled_thread, this_thread));
  for (int number = 1; number < 32; ++number) {
    EXPECT_EQ(sigismember(&before, number), sigismember(&after, number));
  }
}

TEST(HttpClient, GoesOnAfterFailures) {
  HttpServer server(Always({"", ServedReply::kHang}));
  HttpClient client;
  const HttpRequest request{"GET", server.url(), {}, {}};
  EXPECT_EQ(ErrorOf([&] { client.Perform(request, Within(100ms)); }).code(),
            ErrorCode::kConnectionLost);
  server.Handle(Always(ServedReply::Of(200, "fine")));
  EXPECT_EQ(client.Perform(request, Within(1s)).body, "fine");
}

TEST(HttpClient, ReachesNoMetadataUnlessMeantTo) {
  for (const char* url :
       {"http://169.254.169.254/", "http://[fe80::1]/", "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://0xa9fea9fe/",
        "http://100.100.100.200/", "http://168.63.129.16/"}) {
    const Stopwatch stopwatch;
    const Error error = ErrorOf([&] { Get(url); });
    EXPECT_EQ(error.code(), ErrorCode::kNotPermitted) << url << ": " << test::AllOf(error);
    EXPECT_LT(stopwatch.elapsed(), 3000ms);
  }
}

bool IsMetadata(const char* text) {
  sockaddr_storage storage{};
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text, &ipv6->sin6_addr), 1) << text;
    storage.ss_family = AF_INET6;
  }
  return IsMetadataAddress(*reinterpret_cast<sockaddr*>(&storage));
}

TEST(MetadataAddress, IsLinkLocalOrKnown) {
  for (const char* text :
       {"169.254.0.0", "169.254.170.2", "169.254.255.255", "100.100.100.200", "168.63.129.16",
        "192.0.0.192", "fe80::", "febf:ffff::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
        "::ffff:169.254.169.254", "64:ff9b::169.254.169.254"}) {
    EXPECT_TRUE(IsMetadata(text)) << text;
  }
  for (const char* text : {"127.0.0.1", "10.0.0.1", "169.253.255.255", "169.255.0.0",
                           "100.100.100.199", "8.8.8.8", "::1", "fec0::1", "fe7f::1", "fd00:ec3::1",
                           "2001:db8::1", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "::"}) {
    EXPECT_FALSE(IsMetadata(text)) << text;
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_TRUE(IsMetadataAddress(other));
}

}  // namespace
}  // namespace neon_s3

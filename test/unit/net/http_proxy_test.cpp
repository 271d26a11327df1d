#include "net/http_proxy.h"

#include <gtest/gtest.h>

#include "http_server.h"
#include "net/http_client.h"
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

TEST(HttpProxy, IsParsed) {
  const HttpProxy plain = ParseHttpProxy("http://proxy.example.com:3128");
  EXPECT_EQ(plain.url, "http://proxy.example.com:3128");
  EXPECT_EQ(plain.user, "");
  EXPECT_EQ(plain.Quoted(), "\"proxy.example.com:3128\"");
  const HttpProxy guarded = ParseHttpProxy("HTTP://us%40er:p%3Aa:s%2fs@@[::1]:80/");
  EXPECT_EQ(guarded.url, "http://[::1]:80");
  EXPECT_EQ(guarded.user, "us@er");
  EXPECT_EQ(guarded.password, "p:a:s/s@");
  EXPECT_EQ(ParseHttpProxy("http://user:@proxy:1").password, "");
}

TEST(HttpProxy, IsRefusedWithoutBeingShown) {
  for (const char* text : {"",
                           "CANARY",
                           "http://",
                           "https://CANARY:1",
                           "socks5://CANARY:1",
                           "http://CANARY",
                           "http://CANARY:",
                           "http://CANARY:0",
                           "http://CANARY:65536",
                           "http://CANARY:1/x",
                           "http://CANARY:1?x",
                           "http://CANARY:1#x",
                           "http://user@CANARY:1",
                           "http://:CANARY@p:1",
                           "http://u:CANARY%@p:1",
                           "http://u:CANARY%0a@p:1",
                           "http://u:%ffCANARY@p:1",
                           "http://u%3au:CANARY@p:1",
                           "http://u:CANARY@:1",
                           "http://u:CANARY@p",
                           "http://CANARY:-1"}) {
    const Error error = ErrorOf([&] { ParseHttpProxy(text); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument) << text;
    EXPECT_EQ(std::string(error.what()).find("CANARY"), std::string::npos) << text;
    EXPECT_EQ(ShownHttpProxy(text), *text ? "****" : "") << text;
  }
}

TEST(HttpProxy, IsShownWithoutUserAndPassword) {
  EXPECT_EQ(ShownHttpProxy("http://proxy:3128"), "http://proxy:3128");
  EXPECT_EQ(ShownHttpProxy("http://user:CANARY@proxy:3128/"), "http://****@proxy:3128");
}

TEST(HttpProxy, KnowsMetadataHosts) {
  for (const char* host : {"169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "2852039166",
                           "0xa9fea9fe", "[::ffff:169.254.169.254]"}) {
    EXPECT_TRUE(IsMetadataHost(host)) << host;
  }
  for (const char* host : {"10.0.0.1", "localhost", "169.254.169.254.example.com", "[::1]", ""}) {
    EXPECT_FALSE(IsMetadataHost(host)) << host;
  }
}

HttpLimits Through(const HttpProxy& proxy) {
  HttpLimits limits;
  limits.deadline = MonotonicNow() + 2s;
  limits.max_body_size = 1000;
  limits.proxy = &proxy;
  return limits;
}

Error ErrorThrough(const HttpProxy& proxy, const std::string& url) {
  return ErrorOf([&] { HttpClient().Perform({"GET", url, {}, {}}, Through(proxy)); });
}

TEST(HttpProxy, GetsPlainRequestsWhole) {
  HttpServer server(
      [](const ServedRequest&) { return ServedReply::Of(200, "fine", "X-From: proxy\r\n"); });
  const HttpProxy proxy = ParseHttpProxy("http://user:pass@" + server.authority());
  const HttpResponse response =
      HttpClient().Perform({"GET", "http://s3.example:81/a/../b?c", {}, {}}, Through(proxy));
  EXPECT_EQ(response.body, "fine");
  const ServedRequest request = server.requests().at(0);
  EXPECT_EQ(request.target, "http://s3.example:81/a/../b?c");
  EXPECT_EQ(request.headers.at("host"), "s3.example:81");
  EXPECT_EQ(request.headers.at("proxy-authorization"), "Basic dXNlcjpwYXNz");
}

TEST(HttpProxy, OpensTunnelsForTls) {
  HttpServer server([](const ServedRequest&) { return ServedReply::Of(403, "no"); });
  const HttpProxy proxy = ParseHttpProxy(server.url());
  const Error error = ErrorThrough(proxy, "https://s3.example/k");
  EXPECT_EQ(server.requests().at(0).method, "CONNECT");
  EXPECT_EQ(server.requests().at(0).target, "s3.example:443");
  EXPECT_EQ(error.code(), ErrorCode::kConnect);
  EXPECT_STREQ(error.what(),
               ("could not connect to \"s3.example\" through proxy " + proxy.Quoted()).c_str());
  EXPECT_EQ(error.detail(), "The proxy answers with HTTP status 403.");
}

TEST(HttpProxy, RefusesUserAndPassword) {
  HttpServer server([](const ServedRequest&) {
    return ServedReply::Of(407, "no", "Proxy-Authenticate: Basic realm=\"p\"\r\n");
  });
  const HttpProxy proxy = ParseHttpProxy("http://user:CANARY@" + server.authority());
  for (const char* url : {"http://s3.example/k", "https://s3.example/k"}) {
    const Error error = ErrorThrough(proxy, url);
    EXPECT_EQ(error.code(), ErrorCode::kNoCredentials) << url;
    EXPECT_STREQ(error.what(), ("proxy " + proxy.Quoted() + " refuses user and password").c_str());
    EXPECT_EQ(error.detail(), "HTTP status 407");
  }
}

TEST(HttpProxy, IsNotThere) {
  const SilentPort closed(SilentPort::kClosed);
  const HttpProxy proxy = ParseHttpProxy(closed.url());
  const Error error = ErrorThrough(proxy, "https://s3.example/k");
  EXPECT_EQ(error.code(), ErrorCode::kConnect);
  EXPECT_NE(std::string(error.what()).find("through proxy " + proxy.Quoted()), std::string::npos);
}

TEST(HttpProxy, JudgesTheHost) {
  HttpServer server([](const ServedRequest&) { return ServedReply::Of(200, "fine"); });
  const HttpProxy proxy = ParseHttpProxy(server.url());
  EXPECT_EQ(ErrorThrough(proxy, "http://169.254.169.254/").code(), ErrorCode::kNotPermitted);
  EXPECT_EQ(ErrorThrough(proxy, "https://[fd00:ec2::254]:1/").code(), ErrorCode::kNotPermitted);
  HttpLimits limits = Through(proxy);
  limits.may_be_plain = false;
  const auto get = [&](const char* url) { HttpClient().Perform({"GET", url, {}, {}}, limits); };
  EXPECT_EQ(ErrorOf([&] { get("http://s3.example/"); }).code(), ErrorCode::kNotPermitted);
  EXPECT_EQ(server.request_count(), 0u);
  get("http://localhost:1/");
  EXPECT_EQ(server.request_count(), 1u);
}

// Whatever the environment says, with a proxy and without.
TEST(HttpProxy, TakesNothingFromTheEnvironment) {
  test::CleanEnvironment environment;
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"}) {
    environment.Set(name, "http://127.0.0.1:1");
  }
  for (const char* name : {"no_proxy", "NO_PROXY"}) environment.Set(name, "*");
  HttpServer server([](const ServedRequest&) { return ServedReply::Of(200, "fine"); });
  const HttpProxy proxy = ParseHttpProxy(server.url());
  HttpClient().Perform({"GET", "http://127.0.0.1:2/k", {}, {}}, Through(proxy));
  EXPECT_EQ(server.requests().at(0).target, "http://127.0.0.1:2/k");
  HttpLimits direct = Through(proxy);
  direct.proxy = nullptr;
  HttpClient().Perform({"GET", server.url() + "/direct", {}, {}}, direct);
  EXPECT_EQ(server.requests().at(1).target, "/direct");
}

}  // namespace
}  // namespace neon_s3

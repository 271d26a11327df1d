#include "net/endpoint_url.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

struct Case {
  const char* url;
  const char* scheme;
  const char* host;
  const char* port;
  const char* base_path;
};

TEST(EndpointUrl, TakesApartWhatTheContractAllows) {
  const Case cases[] = {
      {"https://s3.example.com", "https", "s3.example.com", "", ""},
      {"http://127.0.0.1:9000", "http", "127.0.0.1", "9000", ""},
      {"http://[::1]:9000/", "http", "[::1]", "9000", ""},
      {"https://s3.example.com:443", "https", "s3.example.com", "", ""},
      {"http://minio.internal:80/", "http", "minio.internal", "", ""},
      {"http://s3.example.com:443", "http", "s3.example.com", "443", ""},
      {"https://proj.supabase.co/storage/v1/s3", "https", "proj.supabase.co", "", "/storage/v1/s3"},
      {"http://gw.internal:8080/s3/", "http", "gw.internal", "8080", "/s3/"},
      {"https://S3.Example.COM/A_b/c-d~e", "https", "s3.example.com", "", "/A_b/c-d~e"},
      {"https://gw.example.com/a%20b", "https", "gw.example.com", "", "/a%20b"},
      {"https://gw.example.com/a%2Fb/%7e/+", "https", "gw.example.com", "", "/a%2Fb/~/%2B"},
      {"HTTPS://example.com", "https", "example.com", "", ""},
      {"http://my_host:1", "http", "my_host", "1", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.url);
    const Endpoint endpoint = ParseEndpointUrl(c.url);
    EXPECT_EQ(endpoint.scheme, c.scheme);
    EXPECT_EQ(endpoint.host, c.host);
    EXPECT_EQ(endpoint.port, c.port);
    EXPECT_EQ(endpoint.base_path, c.base_path);
  }
}

TEST(EndpointUrl, RefusesTheRest) {
  const char* urls[] = {
      "",
      "s3.example.com",
      "//s3.example.com",
      "ftp://s3.example.com",
      "file:///etc/passwd",
      "https://",
      "https:///base",
      "http:/s3.example.com",
      "http:s3.example.com",
      "http:/s3.example.com/a://b",
      "http://%68ost",
      "http://host%2Fbase",
      "http://host/100%",
      "http://host/a%2F..%2Fb",
      "http://host/a%00b",
      "https://user@s3.example.com",
      "https://user:pw@s3.example.com",
      "https://s3.example.com?x=1",
      "https://s3.example.com/?",
      "https://s3.example.com/#top",
      "https://s3.example.com#",
      "https://s3.example.com:0",
      "https://s3.example.com:70000",
      "https://s3.example.com:port",
      "https://s3 .example.com",
      "https://s3.example.com/a/../b",
      "https://s3.example.com/a/%2e%2e/b",
      "https://s3.example.com/./b",
      "https://s3.example.com/a%0ab",
      "https://s3.example.com/a\nb",
      "https://s3..example.com",
      "https://.example.com",
      "https://ex%61mple.com\r\nX: y",
      "https://[::1",
      "https://[fe80::1%25eth0]",
      "https://b\xc3\xbc"
      "cher.example",
      "https://exa$mple.com",
  };
  for (const char* url : urls) {
    SCOPED_TRACE(url);
    EXPECT_ERROR(ErrorCode::kBadArgument, ParseEndpointUrl(url));
  }
}

TEST(EndpointUrl, RefusesWhatNoUrlCouldHold) {
  const std::string start = "https://host/";
  EXPECT_EQ(ParseEndpointUrl(start + std::string(2048 - start.size(), 'a')).url().size(), 2048u);
  EXPECT_ERROR(ErrorCode::kBadArgument,
               ParseEndpointUrl(start + std::string(2049 - start.size(), 'a')));
}

TEST(EndpointUrl, NeverShowsAPassword) {
  for (const char* url : {"https://joe:hunter2@host", "joe:hunter2@host", "ftp://hunter2@host/a@b",
                          "https://joe:hun@hunter2@host:port"}) {
    try {
      ParseEndpointUrl(url);
      FAIL() << url;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("****@"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace neon_s3

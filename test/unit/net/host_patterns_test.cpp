#include "net/host_patterns.h"

#include <gtest/gtest.h>

#include "net/loopback.h"
#include "net_test_util.h"

namespace neon_s3 {
namespace {

TEST(HostPatterns, AllowWhatTheyList) {
  const HostPatterns hosts(" A.Example.com,*.example.ORG\t[2001:DB8:0::1] 192.0.2.1,, ");
  for (const char* host : {"a.example.com", "x.example.org", "x.y.example.org", "[2001:db8::1]",
                           "[2001:db8:0:0::1]", "192.0.2.1"}) {
    EXPECT_TRUE(hosts.Allows(host)) << host;
  }
  for (const char* host :
       {"b.example.com", "x.a.example.com", "example.org", ".example.org", "xexample.org",
        "x.example.org.evil.net", "[2001:db8::2]", "192.0.2.10", "2001:db8::1", ""}) {
    EXPECT_FALSE(hosts.Allows(host)) << host;
  }
}

TEST(HostPatterns, AllowAllWhereTheyListNone) {
  EXPECT_TRUE(HostPatterns().Allows("a"));
  EXPECT_TRUE(HostPatterns(" , ").Allows("a"));
}

TEST(HostPatterns, RefuseWhatIsNoHost) {
  for (const char* list :
       {"*", "*.", "a.*.com", "**.com", "a*.com", "https://a.com", "a.com:443", "a/b", "[::1",
        "[x]", "[::1]:80", "::1", ".a.com", "a..b", "ok.com, b\xc3\xa4.com"}) {
    const Error error = test::ErrorOf([&] { HostPatterns{list}; });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument) << list;
  }
}

TEST(LoopbackHost, IsThisMachine) {
  for (const char* host : {"localhost", "s3.localhost", "127.0.0.1", "127.255.0.9", "[::1]",
                           "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"", "localhost.com", "xlocalhost", "127.0.0.1.example.com", "128.0.0.1",
                           "0.0.0.0", "[::]", "[::2]", "::1", "[::ffff:10.0.0.1]"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

}  // namespace
}  // namespace neon_s3

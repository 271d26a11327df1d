#include "net/loopback.h"

#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace neon_s3 {
namespace {

bool IsLoopback(const char* text) {
  sockaddr_storage address{};
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text, &ipv6->sin6_addr), 1) << text;
    address.ss_family = AF_INET6;
  }
  return IsLoopbackAddress(reinterpret_cast<const sockaddr&>(address));
}

TEST(Loopback, HasAddresses) {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.2"}) {
    EXPECT_TRUE(IsLoopback(text)) << text;
  }
  for (const char* text : {"128.0.0.1", "126.255.255.255", "0.0.0.0", "192.168.0.1", "::", "::2",
                           "fe80::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsLoopback(text)) << text;
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(IsLoopbackAddress(other));
}

TEST(Loopback, HasNames) {
  for (const char* host : {"localhost", "s3.localhost", "127.0.0.1", "127.1.2.3", "[::1]"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"", "[", "[]", "::1", "[::2]", "notlocalhost", "localhost.example.com",
                           "10.0.0.1", "127.0.0.1.example.com"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

}  // namespace
}  // namespace neon_s3

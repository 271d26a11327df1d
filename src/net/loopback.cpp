#include "net/loopback.h"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/text.h"

namespace neon_s3 {
namespace {

bool IsLoopback(const in_addr& ipv4) { return ntohl(ipv4.s_addr) >> 24 == 127; }

bool IsLoopback(const in6_addr& ipv6) {
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&ipv6);
  return IN6_IS_ADDR_LOOPBACK(&ipv6) || (is_mapped && ipv6.s6_addr[12] == 127);
}

}  // namespace

bool IsLoopbackAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return IsLoopback(ipv4.sin_addr);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    return IsLoopback(ipv6.sin6_addr);
  }
  return false;
}

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost" || EndsWith(host, ".localhost")) return true;
  const std::string text(host);
  in_addr ipv4;
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) return IsLoopback(ipv4);
  if (text.size() < 2 || text.front() != '[') return false;
  in6_addr ipv6;
  return inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &ipv6) == 1 &&
         IsLoopback(ipv6);
}

}  // namespace neon_s3

#include "net/metadata_address.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>

#include <netdb.h>
#include <netinet/in.h>

namespace neon_s3 {
namespace {

struct Ipv4Range {
  std::uint32_t network, mask;
};
constexpr Ipv4Range kIpv4[] = {
    {0xa9fe0000, 0xffff0000},  // 169.254.0.0/16, link-local (RFC 3927): AWS, Azure, GCP and others
    {0x646464c8, 0xffffffff},  // 100.100.100.200, Alibaba
    {0xa83f8110, 0xffffffff},  // 168.63.129.16, Azure
    {0xc00000c0, 0xffffffff},  // 192.0.0.192, Oracle
};

struct Ipv6Range {
  unsigned char bytes[8];
  unsigned bits;
};
constexpr Ipv6Range kIpv6[] = {
    {{0xfe, 0x80}, 10},              // link-local (RFC 4291 section 2.5.6)
    {{0xfd, 0x00, 0x0e, 0xc2}, 32},  // fd00:ec2::254 and ::23, AWS
    {{0xfd, 0x20, 0x00, 0xce}, 32},  // fd20:ce::254, GCP
};

bool IsMetadataIpv4(std::uint32_t address) {
  return std::any_of(std::begin(kIpv4), std::end(kIpv4), [address](const Ipv4Range& range) {
    return (address & range.mask) == range.network;
  });
}

bool HasPrefix(const unsigned char* bytes, const unsigned char* prefix, unsigned bits) {
  const unsigned whole = bits / 8, rest = bits % 8;
  if (std::memcmp(bytes, prefix, whole) != 0) return false;
  return rest == 0 || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

// IPv4-mapped (RFC 4291 section 2.5.5.2) and NAT64 (RFC 6052) addresses end in one of IPv4.
bool EmbedsIpv4(const unsigned char* bytes) {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b};
  return HasPrefix(bytes, kMapped, 96) || HasPrefix(bytes, kNat64, 96);
}

bool IsMetadataIpv6(const unsigned char* bytes) {
  if (EmbedsIpv4(bytes)) {
    std::uint32_t address;
    std::memcpy(&address, bytes + 12, sizeof address);
    return IsMetadataIpv4(ntohl(address));
  }
  return std::any_of(std::begin(kIpv6), std::end(kIpv6), [bytes](const Ipv6Range& range) {
    return HasPrefix(bytes, range.bytes, range.bits);
  });
}

}  // namespace

bool IsMetadataAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return IsMetadataIpv4(ntohl(ipv4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    return IsMetadataIpv6(ipv6.sin6_addr.s6_addr);
  }
  return true;
}

bool IsMetadataHost(std::string_view host) {
  const bool is_ipv6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string text(is_ipv6 ? host.substr(1, host.size() - 2) : host);
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  if (getaddrinfo(text.c_str(), nullptr, &hints, &found) != 0) return false;
  const bool is_metadata = IsMetadataAddress(*found->ai_addr);
  freeaddrinfo(found);
  return is_metadata;
}

}  // namespace neon_s3

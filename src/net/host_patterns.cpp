#include "net/host_patterns.h"

#include <algorithm>

#include <arpa/inet.h>

#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

// The one way to write an IPv6 address in brackets; empty where it is none.
std::string NormalIpv6(std::string_view host) {
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return {};
  const std::string text(host.substr(1, host.size() - 2));
  in6_addr address;
  char normal[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return {};
  if (inet_ntop(AF_INET6, &address, normal, sizeof normal) == nullptr) return {};
  return "[" + std::string(normal) + "]";
}

std::string ParsePattern(std::string_view text) {
  std::string pattern = LowerCase(text);
  if (pattern.front() == '[') pattern = NormalIpv6(pattern);
  const bool is_wild = StartsWith(pattern, "*.");
  const bool is_ipv6 = !pattern.empty() && pattern.front() == '[';
  if (is_ipv6 || IsHostName(std::string_view(pattern).substr(is_wild ? 2 : 0))) return pattern;
  throw Error(ErrorCode::kBadArgument, "invalid host pattern \"" + WithoutControls(text) + "\"",
              "A list of hosts looks like \"s3.example.com, *.example.org, [2001:db8::1]\", "
              "without ports.");
}

bool Matches(const std::string& pattern, std::string_view host) {
  if (pattern.front() != '*') return host == pattern;
  in_addr address;
  if (inet_pton(AF_INET, std::string(host).c_str(), &address) == 1) return false;
  const std::string_view suffix = std::string_view(pattern).substr(1);
  return host.size() > suffix.size() && EndsWith(host, suffix);
}

}  // namespace

HostPatterns::HostPatterns(std::string_view list) {
  constexpr std::string_view kBetween = ", \t\r\n";
  for (std::size_t at = 0;;) {
    const std::size_t start = list.find_first_not_of(kBetween, at);
    if (start == std::string_view::npos) return;
    at = std::min(list.find_first_of(kBetween, start), list.size());
    patterns_.push_back(ParsePattern(list.substr(start, at - start)));
  }
}

bool HostPatterns::Allows(std::string_view host) const {
  const std::string ipv6 = NormalIpv6(host);
  if (!ipv6.empty()) host = ipv6;
  return patterns_.empty() ||
         std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return Matches(pattern, host); });
}

}  // namespace neon_s3

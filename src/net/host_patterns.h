// neon_s3.allowed_hosts: which servers may be asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neon_s3 {

// A list like "a.example.com, *.example.org, [::1]", in any case, with commas or spaces between. A
// leading "*." stands for one label or more. An empty list allows every host.
class HostPatterns {
 public:
  HostPatterns() = default;
  // kBadArgument for what is neither a host name nor an address, ports included.
  explicit HostPatterns(std::string_view list);

  // `host` is an endpoint's: lower case, an IPv6 address in brackets.
  bool Allows(std::string_view host) const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace neon_s3

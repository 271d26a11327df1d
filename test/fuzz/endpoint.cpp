// Endpoints, proxies and lists of hosts: an Error, or parts that, put together, are read as the
// same.
#include "core/endpoint.h"

#include "core/object_key.h"
#include "core/text.h"
#include "net/endpoint_url.h"
#include "net/host_patterns.h"
#include "net/http_proxy.h"
#include "net/loopback.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

bool Same(const Endpoint& a, const Endpoint& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port && a.base_path == b.base_path;
}

void CheckEndpoint(const Endpoint& endpoint) {
  Require(endpoint.scheme == "http" || endpoint.scheme == "https");
  Require(endpoint.host.front() == '[' || IsHostName(endpoint.host));
  Require(IsPrintable(endpoint.url()) && !HasDotSegment(endpoint.base_path));
  Require(endpoint.base_path.empty() || endpoint.base_path.front() == '/');
  if (!endpoint.port.empty()) {
    const auto port = ParseDecimal(endpoint.port);
    Require(port && *port > 0 && *port < 65536);
    Require(*port != (endpoint.scheme == "http" ? 80 : 443));
  }
  Require(Same(ParseEndpointUrl(endpoint.url()), endpoint));
  Require(HostPatterns(endpoint.host).Allows(endpoint.host));
  IsLoopbackHost(endpoint.host);
  const std::string_view region = RegionInHost(endpoint.host);
  Require(region.empty() || endpoint.host.find(region) != std::string::npos);
}

// The list, pattern by pattern.
bool PlainlyAllows(std::string_view list, const std::string& host) {
  bool is_empty = true;
  for (std::string_view rest = list; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of(", \t\r\n"), rest.size());
    const std::string pattern = LowerCase(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pattern.empty()) continue;
    is_empty = false;
    if (pattern == host) return true;
    if (StartsWith(pattern, "*.") && EndsWith(host, pattern.substr(1)) &&
        host.size() >= pattern.size())
      return true;
  }
  return is_empty;
}

void CheckPatterns(std::string_view list, const std::string& host) {
  const HostPatterns patterns(list);
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
  if (!IsHostName(host) || is_address) return;
  Require(patterns.Allows(host) == PlainlyAllows(list, host));
}

void CheckProxy(std::string_view text) {
  const std::string shown = ShownHttpProxy(text);
  Require(IsValidUtf8(shown));
  Accepts([&] {
    const HttpProxy proxy = ParseHttpProxy(text);
    Require(StartsWith(proxy.url, "http://") && proxy.url.find('@') == std::string::npos);
    Require(proxy.user.empty() ? shown == proxy.url : StartsWith(shown, "http://****@"));
    ParseEndpointUrl(proxy.url);
  });
}

void CheckAddress(const Endpoint& endpoint, AddressingStyle style, std::string_view bucket) {
  ValidateBucketName(bucket);
  const Address address = ResolveAddress(endpoint, style, bucket);
  // The same place, as an endpoint of its own.
  const Endpoint there =
      ParseEndpointUrl(address.scheme + "://" + address.host + address.path_prefix);
  Require(there.authority() == LowerCase(address.host) && there.base_path == address.path_prefix);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string url(input.Text());
  const std::string_view list = input.Text(), host = input.Text(), bucket = input.Text();
  Accepts([&] {
    const Endpoint endpoint = ParseEndpointUrl(url);
    CheckEndpoint(endpoint);
    for (const AddressingStyle style :
         {AddressingStyle::kAuto, AddressingStyle::kVirtual, AddressingStyle::kPath}) {
      Accepts([&] { CheckAddress(endpoint, style, bucket); });
    }
  });
  Accepts([&] { CheckPatterns(list, LowerCase(host)); });
  CheckProxy(url);
  return 0;
}

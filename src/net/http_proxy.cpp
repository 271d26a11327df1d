#include "net/http_proxy.h"

#include <optional>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "net/endpoint_url.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kScheme = "http://";

[[noreturn]] void Refuse() {
  throw Error(ErrorCode::kBadArgument, "invalid URL of an HTTP proxy",
              "It looks like \"http://proxy.example.com:3128\" or "
              "\"http://user:password@proxy.example.com:3128\", with what is special in a URL "
              "percent-encoded.");
}

// Up to the '@' that ends them; empty where there are none.
std::string_view UserAndPassword(std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  return authority.substr(0, at == std::string_view::npos ? 0 : at);
}

SecretString Decoded(std::string_view text) {
  std::optional<std::string> decoded = UriDecoded(text, /*plus_is_space=*/false);
  if (!decoded || !IsValidUtf8(*decoded) || HasControls(*decoded)) Refuse();
  return TakeSecret(*std::move(decoded));
}

// The port has to be there: programs disagree on what it is without.
std::string OriginOf(std::string_view host_and_port) {
  std::string url = std::string(kScheme).append(host_and_port);
  const std::size_t colon = host_and_port.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && ParseDecimal(host_and_port.substr(colon + 1)).has_value();
  if (!has_port || host_and_port.find_first_of("/?#@") != std::string_view::npos) Refuse();
  try {
    ParseEndpointUrl(url);
  } catch (const Error&) {
    Refuse();
  }
  return url;
}

}  // namespace

std::string HttpProxy::Quoted() const { return "\"" + url.substr(kScheme.size()) + "\""; }

HttpProxy ParseHttpProxy(std::string_view text) {
  if (LowerCase(text.substr(0, kScheme.size())) != kScheme) Refuse();
  std::string_view rest = text.substr(kScheme.size());
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  HttpProxy proxy;
  const std::string_view secrets = UserAndPassword(rest);
  if (rest.find('@') != std::string_view::npos) {
    const std::size_t colon = secrets.find(':');
    if (colon == 0 || colon == std::string_view::npos) Refuse();
    proxy.user = Decoded(secrets.substr(0, colon));
    proxy.password = Decoded(secrets.substr(colon + 1));
    // Basic authentication (RFC 7617) has no other way to tell them apart.
    if (proxy.user.find(':') != SecretString::npos) Refuse();
    rest.remove_prefix(secrets.size() + 1);
  }
  proxy.url = OriginOf(rest);
  return proxy;
}

std::string ShownHttpProxy(std::string_view text) {
  if (text.empty()) return {};
  try {
    const HttpProxy proxy = ParseHttpProxy(text);
    return proxy.user.empty() ? proxy.url : "http://****@" + proxy.url.substr(kScheme.size());
  } catch (const Error&) {
    return "****";
  }
}

}  // namespace neon_s3

#include "net/endpoint_url.h"

#include <algorithm>
#include <memory>
#include <new>

#include <curl/curl.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/object_key.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

struct CurlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

// What may stand before an '@' is a password.
std::string Shown(const std::string& url) {
  const std::size_t at = url.rfind('@');
  const std::size_t scheme_end = url.find("://");
  if (at == std::string::npos) return WithoutControls(url);
  const bool has_scheme = scheme_end != std::string::npos && scheme_end < at;
  return (has_scheme ? WithoutControls(url.substr(0, scheme_end + 3)) : "") + "****" +
         WithoutControls(url.substr(at));
}

[[noreturn]] void Refuse(const std::string& url) {
  throw Error(ErrorCode::kBadArgument, "invalid endpoint \"" + Shown(url) + "\"",
              "An endpoint looks like \"https://s3.example.com\", \"http://127.0.0.1:9000\" or "
              "\"https://example.com/base\".");
}

// Empty where the URL has no such part. Decoding refuses control characters.
std::string Part(CURLU* handle, CURLUPart part, unsigned flags, const std::string& url) {
  char* text = nullptr;
  const CURLUcode code = curl_url_get(handle, part, &text, flags);
  const std::unique_ptr<char, CurlDeleter> owner(text);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code == CURLUE_NO_PORT || code == CURLUE_NO_ZONEID) return {};
  if (code != CURLUE_OK) Refuse(url);
  return text;
}

bool IsHost(const std::string& host) {
  if (host.front() == '[') return true;  // parsed as an address by libcurl
  return host.front() != '.' && host.find("..") == std::string::npos &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

std::string BasePath(const std::string& path, const std::string& url) {
  if (path == "/") return "";
  if (HasDotSegment(path)) Refuse(url);
  std::string encoded;
  AppendUriEncodedPath(path, &encoded);
  return encoded;
}

}  // namespace

Endpoint ParseEndpointUrl(const std::string& url) {
  const std::unique_ptr<CURLU, CurlDeleter> handle(curl_url());
  if (!handle) throw std::bad_alloc();
  const bool parsed = curl_url_set(handle.get(), CURLUPART_URL, url.c_str(),
                                   CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) == CURLUE_OK;
  // libcurl forgives a third slash, and drops a '?' or '#' with nothing behind it.
  const bool odd =
      url.find("///") != std::string::npos || url.find_first_of("?#") != std::string::npos;
  if (!parsed || odd) Refuse(url);

  const auto part = [&](CURLUPart which, unsigned flags) {
    return Part(handle.get(), which, flags, url);
  };
  Endpoint endpoint;
  endpoint.scheme = part(CURLUPART_SCHEME, 0);
  endpoint.host = LowerCase(part(CURLUPART_HOST, 0));
  endpoint.port = part(CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  const bool known_scheme = endpoint.scheme == "http" || endpoint.scheme == "https";
  const bool has_zone = !part(CURLUPART_ZONEID, 0).empty();
  if (!known_scheme || !IsHost(endpoint.host) || has_zone || endpoint.port == "0") Refuse(url);
  endpoint.base_path = BasePath(part(CURLUPART_PATH, CURLU_URLDECODE), url);
  return endpoint;
}

Endpoint S3Endpoint(std::string_view url, std::string_view region) {
  return url.empty() ? AwsEndpoint(region) : ParseEndpointUrl(std::string(url));
}

}  // namespace neon_s3

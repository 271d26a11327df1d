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

constexpr std::size_t kMaxEndpointBytes = 2048;

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

// Empty where the URL has no such part.
std::string Part(CURLU* handle, CURLUPart part, unsigned flags, const std::string& url) {
  char* text = nullptr;
  const CURLUcode code = curl_url_get(handle, part, &text, flags);
  const std::unique_ptr<char, CurlDeleter> owner(text);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code == CURLUE_NO_PORT) return {};
  if (code != CURLUE_OK) Refuse(url);
  return text;
}

bool IsHost(std::string_view host) {
  return host.front() == '[' || IsHostName(host);  // libcurl has parsed what is in brackets
}

// Encoded as it is signed, segment by segment: an encoded '/' is not one.
std::string BasePath(std::string_view path, const std::string& url) {
  if (path == "/") return "";
  std::string decoded, encoded;
  for (std::size_t start = 1; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const auto segment = UriDecoded(path.substr(start, end - start), /*plus_is_space=*/false);
    if (!segment || HasControls(*segment)) Refuse(url);
    decoded.append("/").append(*segment);
    encoded.append("/");
    AppendUriEncoded(*segment, &encoded);
    start = end + 1;
  }
  if (HasDotSegment(decoded)) Refuse(url);
  return encoded;
}

// libcurl forgives one slash or three, decodes a host, and drops a '?' or '#' with nothing behind.
bool IsPlain(const std::string& url, const std::string& scheme) {
  const std::size_t host = scheme.size() + std::string_view("://").size();
  const std::string_view authority = std::string_view(url).substr(0, url.find('/', host));
  return url.compare(scheme.size(), 3, "://") == 0 && authority.size() > host &&
         authority.find('%') == std::string_view::npos &&
         url.find_first_of("?#") == std::string::npos;
}

}  // namespace

Endpoint ParseEndpointUrl(const std::string& url) {
  if (url.size() > kMaxEndpointBytes) {
    throw Error(ErrorCode::kBadArgument,
                "endpoint is longer than " + std::to_string(kMaxEndpointBytes) + " bytes");
  }
  const std::unique_ptr<CURLU, CurlDeleter> handle(curl_url());
  if (!handle) throw std::bad_alloc();
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, url.c_str(),
                                      CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) Refuse(url);

  const auto part = [&](CURLUPart which, unsigned flags) {
    return Part(handle.get(), which, flags, url);
  };
  Endpoint endpoint;
  endpoint.scheme = part(CURLUPART_SCHEME, 0);
  endpoint.host = LowerCase(part(CURLUPART_HOST, 0));
  endpoint.port = part(CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  const bool known_scheme = endpoint.scheme == "http" || endpoint.scheme == "https";
  if (!known_scheme || !IsPlain(url, endpoint.scheme) || !IsHost(endpoint.host) ||
      endpoint.port == "0") {
    Refuse(url);
  }
  endpoint.base_path = BasePath(part(CURLUPART_PATH, 0), url);
  return endpoint;
}

Endpoint S3Endpoint(std::string_view url, std::string_view region) {
  return url.empty() ? AwsEndpoint(region) : ParseEndpointUrl(std::string(url));
}

}  // namespace neon_s3

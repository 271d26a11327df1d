#include "net/http_failure.h"

#include <algorithm>
#include <iterator>

#include "core/text.h"

namespace neon_s3 {
namespace {

// What libcurl's codes mean here. Every other one is a connection that broke.
struct Meaning {
  CURLcode curl_code;
  ErrorCode code;
};
constexpr Meaning kMeanings[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ErrorCode::kConnect},
    {CURLE_COULDNT_RESOLVE_PROXY, ErrorCode::kConnect},
    {CURLE_COULDNT_CONNECT, ErrorCode::kConnect},
    {CURLE_SSL_CONNECT_ERROR, ErrorCode::kConnect},
    {CURLE_PEER_FAILED_VERIFICATION, ErrorCode::kConnect},
    {CURLE_SSL_CERTPROBLEM, ErrorCode::kConnect},
    {CURLE_SSL_CIPHER, ErrorCode::kConnect},
    {CURLE_SSL_CACERT_BADFILE, ErrorCode::kConnect},
    {CURLE_SSL_ISSUER_ERROR, ErrorCode::kConnect},
    {CURLE_WEIRD_SERVER_REPLY, ErrorCode::kMalformedReply},
    {CURLE_UNSUPPORTED_PROTOCOL, ErrorCode::kMalformedReply},  // HTTP/0.9
    {CURLE_URL_MALFORMAT, ErrorCode::kBadArgument},
};

}  // namespace

ErrorCode MeaningOf(CURLcode curl_code) {
  const auto known =
      std::find_if(std::begin(kMeanings), std::end(kMeanings),
                   [&](const Meaning& meaning) { return meaning.curl_code == curl_code; });
  return known == std::end(kMeanings) ? ErrorCode::kConnectionLost : known->code;
}

std::string Legible(std::string_view text) {
  std::string legible(text);
  for (char& c : legible) {
    if (c < ' ' || c > '~') c = '?';
  }
  return legible;
}

std::string HostOf(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  const bool is_ipv6 = StartsWith(authority, "[");
  const std::size_t end = authority.find(is_ipv6 ? ']' : ':');
  if (end == std::string_view::npos) return LowerCase(authority);
  return LowerCase(authority.substr(0, is_ipv6 ? end + 1 : end));
}

std::string QuotedHost(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
  return "\"" + Legible(url.substr(0, url.find_first_of("/?#"))) + "\"";
}

bool WillLast(CURLcode curl_code) {
  return curl_code == CURLE_PEER_FAILED_VERIFICATION || curl_code == CURLE_SSL_CERTPROBLEM ||
         curl_code == CURLE_SSL_CIPHER || curl_code == CURLE_SSL_CACERT_BADFILE ||
         curl_code == CURLE_SSL_ISSUER_ERROR;
}

void RaiseFailure(ErrorCode code, const std::string& host, const std::string& detail) {
  const char* message = code == ErrorCode::kConnect          ? "could not connect to "
                        : code == ErrorCode::kMalformedReply ? "malformed reply from "
                        : code == ErrorCode::kBadArgument    ? "invalid URL for "
                                                             : "lost connection to ";
  throw Error(code, message + host, "", detail);
}

}  // namespace neon_s3

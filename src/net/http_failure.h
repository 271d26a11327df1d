// What libcurl's failures mean here, and how they are told.
#pragma once

#include <string>
#include <string_view>

#include <curl/curl.h>

#include "core/error.h"

namespace neon_s3 {

// Printable ASCII of a text that may quote the other side, a certificate say.
std::string Legible(std::string_view text);

// Of a URL, in lower case, without its port.
std::string HostOf(std::string_view url);

// "host:port" of a URL in quotation marks, for messages.
std::string QuotedHost(std::string_view url);

ErrorCode MeaningOf(CURLcode curl_code);

// What is wrong is a certificate or the settings: it is so the next time, too.
bool WillLast(CURLcode curl_code);

// `host` is quoted.
[[noreturn]] void RaiseFailure(ErrorCode code, const std::string& host, const std::string& detail);

}  // namespace neon_s3

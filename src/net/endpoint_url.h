// Endpoint settings as URLs, read by libcurl's URL parser.
#pragma once

#include <string>
#include <string_view>

#include "core/endpoint.h"

namespace neon_s3 {

// `http[s]://host[:port][/base]`: no user, query, fragment or dot segments; a host of letters,
// digits,
// '-', '_' and '.', or an IP address. The base path is taken decoded or encoded, and comes out
// percent-encoded as it is signed. kBadArgument for anything else. Needs no curl_global_init().
Endpoint ParseEndpointUrl(const std::string& url);

// The endpoint `url`, or where it is empty, Amazon S3's in `region`.
Endpoint S3Endpoint(std::string_view url, std::string_view region);

}  // namespace neon_s3

// Endpoint settings as URLs, read by libcurl's URL parser.
#pragma once

#include <string>

#include "core/endpoint.h"

namespace neon_s3 {

// `http[s]://host[:port][/base]`: no user, query, fragment or dot segments; a host of letters, digits,
// '-', '_' and '.', or an IP address. The base path is taken decoded or encoded, and comes out
// percent-encoded as it is signed. kBadArgument for anything else. Needs no curl_global_init().
Endpoint ParseEndpointUrl(const std::string& url);

}  // namespace neon_s3

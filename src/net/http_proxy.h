// neon_s3.http_proxy: an HTTP proxy that requests go through.
#pragma once

#include <string>
#include <string_view>

#include "core/credentials.h"

namespace neon_s3 {

struct HttpProxy {
  std::string url;              // http://host:port
  SecretString user, password;  // decoded; both empty: it wants none

  // "host:port" in quotation marks, for messages.
  std::string Quoted() const;
};

// `http://[user:password@]host:port`; what a URL gives a meaning to is percent-encoded in user and
// password. kBadArgument for anything else, which does not say what it was.
HttpProxy ParseHttpProxy(std::string_view text);

// The same with **** for what may be secret: all of a text that is invalid.
std::string ShownHttpProxy(std::string_view text);

}  // namespace neon_s3

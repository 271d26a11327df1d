// HTTP's messages, as plain data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/credentials.h"

namespace neon_s3 {

// Values may be secrets: an authorization, a session token.
struct HttpHeader {
  std::string name;
  SecretString value;
};

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<HttpHeader> headers;
  std::string_view body;  // the caller's
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  SecretString body;

  // The first of that name, in any case; empty where there is none.
  std::string_view Header(std::string_view name) const;
};

}  // namespace neon_s3

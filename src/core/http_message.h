// HTTP's messages, as plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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

// `length` bytes from `start` on; to the end where there is no length.
struct ByteRange {
  std::int64_t start = 0;
  std::optional<std::int64_t> length;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  std::string body;
  // Bytes that came before `body`, where a range was asked for and the whole was sent.
  std::int64_t skipped = 0;
  // Bytes of the body that went into memory of the caller's, and are not in `body`.
  std::size_t placed = 0;

  std::size_t body_size() const { return body.size() + placed; }

  // The first of that name, in any case; empty where there is none.
  std::string_view Header(std::string_view name) const;
};

}  // namespace neon_s3

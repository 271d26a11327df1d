// neon_s3.log_urls: who was given which URL.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/args.h"
#include "pg/operation.h"

namespace neon_s3 {

struct SignedFor {
  Operation operation;
  std::string_view method;
  std::string_view bucket;
  OptionalText key;         // none: the bucket itself
  std::int64_t expires_at;  // seconds since 1970
};

// C++ side, for each URL and form that is signed: counts it, and makes its line where
// neon_s3.log_urls is on.
void NoteSigned(const SignedFor& what);

// Postgres side, before what was signed last is given out: its line goes to the server's log, and
// nowhere else. Values are percent-encoded, so that no key or name forges another line or field.
void LogSigned();

}  // namespace neon_s3

// Values of the type text, detoasted, in the server's encoding. Either side.
#pragma once

#include <string_view>

#include "pg/pg.h"

namespace neon_s3 {

// Empty where it is null.
inline std::string_view TextView(const text* value) {
  if (value == nullptr) return {};
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

// Null is only the same as null.
inline bool IsSameText(const text* a, const text* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return TextView(a) == TextView(b);
}

}  // namespace neon_s3

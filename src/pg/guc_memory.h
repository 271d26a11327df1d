// Memory of settings' values, which PostgreSQL frees: what changed between its versions.
#pragma once

#include <cstdlib>
#include <cstring>

#include "pg/pg.h"

extern "C" {
#include "utils/guc.h"
}

namespace neon_s3 {

inline void* GucMalloc(std::size_t size) {
#if PG_VERSION_NUM >= 160000
  return guc_malloc(LOG, size);
#else
  return std::malloc(size);
#endif
}

inline void GucFree(void* memory) {
#if PG_VERSION_NUM >= 160000
  guc_free(memory);
#else
  std::free(memory);
#endif
}

inline char* GucStrdup(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  char* copy = static_cast<char*>(GucMalloc(size));
  if (copy != nullptr) std::memcpy(copy, text, size);
  return copy;
}

}  // namespace neon_s3

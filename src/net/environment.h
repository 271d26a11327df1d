// The process's environment: what the postmaster was started with.
#pragma once

#include <cstdlib>
#include <string_view>

namespace neon_s3 {

// Empty where it is not set. A view into the environment.
inline std::string_view EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace neon_s3

// The error that a call ends with.
#pragma once

#include "core/error.h"

namespace neon_s3::test {

template <typename Body>
Error ErrorOf(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kSystem, "no error");
}

}  // namespace neon_s3::test

// What a call ends with: ErrorOf gives the Error, EXPECT_ERROR(code, statement) demands its code.
#pragma once

#include <exception>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "core/error.h"

namespace neon_s3 {

inline const char* NameOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadArgument:
      return "kBadArgument";
    case ErrorCode::kEncoding:
      return "kEncoding";
    case ErrorCode::kNotPermitted:
      return "kNotPermitted";
    case ErrorCode::kNoCredentials:
      return "kNoCredentials";
    case ErrorCode::kCredentialsFile:
      return "kCredentialsFile";
    case ErrorCode::kConnect:
      return "kConnect";
    case ErrorCode::kConnectionLost:
      return "kConnectionLost";
    case ErrorCode::kMalformedReply:
      return "kMalformedReply";
    case ErrorCode::kRefused:
      return "kRefused";
    case ErrorCode::kServerFailed:
      return "kServerFailed";
    case ErrorCode::kCancelled:
      return "kCancelled";
    case ErrorCode::kNotFound:
      return "kNotFound";
    case ErrorCode::kTooLarge:
      return "kTooLarge";
    case ErrorCode::kOutOfMemory:
      return "kOutOfMemory";
    case ErrorCode::kUnsupported:
      return "kUnsupported";
    case ErrorCode::kSystem:
      return "kSystem";
    case ErrorCode::kBadFormat:
      return "kBadFormat";
  }
  return "unknown";
}

// GoogleTest finds it by argument-dependent lookup.
inline void PrintTo(ErrorCode code, std::ostream* out) { *out << NameOf(code); }

namespace test {

template <typename Body>
Error ErrorOf(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorCode::kSystem, "no error");
}

template <typename Body>
testing::AssertionResult EndsWith(ErrorCode code, const char* statement, const Body& body) {
  const auto failure = [&] {
    return testing::AssertionFailure()
           << statement << "\nExpected: " << NameOf(code) << "\n  Actual: ";
  };
  try {
    body();
  } catch (const Error& error) {
    if (error.code() == code) return testing::AssertionSuccess();
    return failure() << NameOf(error.code()) << ": " << error.what();
  } catch (const std::exception& other) {
    return failure() << "no neon_s3::Error, but: " << other.what();
  }
  return failure() << "no error";
}

}  // namespace test
}  // namespace neon_s3

// EXPECT_ERROR(code, statement) << "more about it": the statement throws an Error of that code.
#define EXPECT_ERROR(code, ...)                                                                   \
  GTEST_AMBIGUOUS_ELSE_BLOCKER_                                                                   \
  if (const auto result_ =                                                                        \
          ::neon_s3::test::EndsWith(code, #__VA_ARGS__, [&] { static_cast<void>(__VA_ARGS__); })) \
    ;                                                                                             \
  else                                                                                            \
    ADD_FAILURE() << result_.message() << "\n"

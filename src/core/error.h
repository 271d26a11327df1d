// The one exception type of the pure shelves.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace neon_s3 {

// What went wrong, in the terms of the SQL contract; src/pg/boundary.cpp maps each to a SQLSTATE.
enum class ErrorCode {
  kBadArgument,
  kEncoding,
  kNotPermitted,
  kNoCredentials,
  kCredentialsFile,
  kConnect,         // DNS, TCP, TLS
  kConnectionLost,  // broke, or timed out
  kMalformedReply,
  kRefused,       // 4xx
  kServerFailed,  // 5xx
  kCancelled,
  kNotFound,
  kTooLarge,
  kOutOfMemory,
  kUnsupported,
  kSystem,
  kBadFormat,  // of a file's content
};

// Texts are UTF-8 and follow PostgreSQL's message style. They carry the offending value, but never
// a secret and never a whole signed URL.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string hint = {}, std::string detail = {})
      : std::runtime_error(message),
        code_(code),
        hint_(std::move(hint)),
        detail_(std::move(detail)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::string& detail() const noexcept { return detail_; }

 private:
  ErrorCode code_;
  std::string hint_;
  std::string detail_;
};

// In one line.
inline std::string DescribeError(const Error& error) {
  if (error.detail().empty()) return error.what();
  return std::string(error.what()) + " (" + error.detail() + ")";
}

}  // namespace neon_s3

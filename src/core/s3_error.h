// What S3 answers instead of the reply that was asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/credentials.h"
#include "core/error.h"
#include "core/http_message.h"
#include "core/s3_request.h"

namespace neon_s3 {

// The <Error> of a reply, whatever its status; nothing where the body is none. All but the message
// are one plain word, or empty.
struct S3ErrorReply {
  std::string code, request_id;
  std::string message;  // as it came
  std::string region;   // where the bucket is
};
std::optional<S3ErrorReply> ParseS3Error(std::string_view body);

// An error that S3 answered with: what SQL reports, and what callers decide by.
class S3Error : public Error {
 public:
  S3Error(ErrorCode error_code, int http_status, std::string s3_code, const std::string& message,
          std::string hint, std::string detail, std::string date = {})
      : Error(error_code, message, std::move(hint), std::move(detail)),
        status_(http_status),
        s3_code_(std::move(s3_code)),
        date_(std::move(date)) {}
  // A failure without a reply of S3's.
  explicit S3Error(const Error& error) : Error(error), status_(0) {}

  int status() const noexcept { return status_; }                   // 0: there was no reply
  const std::string& s3_code() const noexcept { return s3_code_; }  // AWS's, or empty
  const std::string& date() const noexcept { return date_; }        // the reply's header, or empty
  int attempts() const noexcept { return attempts_; }

  // The same after so many attempts, which the DETAIL tells where there was more than one.
  S3Error WithAttempts(int attempts) const;

 private:
  int status_;
  std::string s3_code_;
  std::string date_;
  int attempts_ = 1;
};

// The error for a reply to `request`: kNoCredentials for refused credentials (InvalidAccessKeyId,
// SignatureDoesNotMatch, ExpiredToken, InvalidToken …), kNotFound for 404 and for a version that is
// a delete marker, kRefused for every other 4xx and for a redirect of S3's, kUnsupported for 501,
// kServerFailed for every other 5xx and for an <Error> that came with 200, kMalformedReply for the
// rest. DETAIL: Code, HTTP status and RequestId, and S3's message, which may quote what was sent
// with `secrets`; HINT: the likely cure, by code. The message names the operation and the object.
S3Error MakeS3Error(const S3Request& request, const HttpResponse& response,
                    const Credentials& secrets = {});

}  // namespace neon_s3

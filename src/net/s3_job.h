// One request of S3Client's, from what is asked to its reply.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/s3_request.h"
#include "core/s3_response.h"
#include "net/curl_client.h"
#include "net/monotonic.h"

namespace neon_s3 {

struct S3Job {
  std::size_t id;      // the caller's
  std::size_t number;  // HttpClient's
  S3Request request;

  // From the first attempt on:
  Endpoint endpoint;
  std::string region;
  MonotonicTime deadline, not_before;
  int attempts = 0;
  bool is_running = false;
  bool has_moved = false;  // to another region

  // A HEAD was refused, and `inquiry` asks why.
  std::optional<HttpResponse> refusal;
  S3Request inquiry;

  const S3Request& current() const { return refusal ? inquiry : request; }
};

// Long operations begin their reply with 200 before they fail.
bool IsSuccess(const S3Request& request, const HttpResponse& response);

// A reply to HEAD has no body that would say why it is none of success.
bool LacksReason(const S3Request& request, const HttpResponse& response);

// Asks for as little as possible that is refused for the same reason.
S3Request MakeInquiry(const S3Request& request);

// A failure without a reply of S3's.
S3Error MakeS3Error(const Error& error);

// The DETAIL says how often it was tried, where that was more than once.
S3Error WithAttempts(const S3Error& error, int attempts);

}  // namespace neon_s3

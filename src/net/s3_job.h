// One request of S3Client's, from what is asked to its reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/s3_request.h"
#include "core/s3_error.h"
#include "net/http_client.h"
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
  bool has_moved = false;     // to another region
  bool without_sums = false;  // checksums were refused
  bool was_skewed = false;    // refused for its time
  std::int64_t clock_offset = 0;

  // A HEAD was refused, and `probe` asks why.
  std::optional<HttpResponse> refusal;
  S3Request probe;

  const S3Request& current() const { return refusal ? probe : request; }
};

// Long operations begin their reply with 200 before they fail.
bool IsSuccess(const S3Request& request, const HttpResponse& response);

// A reply to HEAD has no body that would say why it was refused.
bool LacksReason(const S3Request& request, const HttpResponse& response);

// Asks for as little as possible that is refused for the same reason.
S3Request MakeProbe(const S3Request& request);

// Whether the request was refused for a checksum's header.
bool RefusesChecksum(const S3Request& request, const HttpResponse& response);

// Whether a range was refused since the object has no bytes at all.
bool IsEmptyObject(const S3Request& request, const HttpResponse& response);

}  // namespace neon_s3

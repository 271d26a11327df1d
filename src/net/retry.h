// When a request is sent once more, and how much later: AWS's "standard" mode.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/s3_request.h"
#include "core/s3_error.h"

namespace neon_s3 {

// Whether another attempt may do better, and does no harm.
bool MayRetry(const S3Error& error, Retry retry);

// Before retry `retries` + 1: full jitter, `random` (0 to 1) of a limit that doubles.
// Amazon's SDKs pause for up to 1 s first after a refusal for too many requests, and so does this;
// after other failures up to 50 ms, as a backend waits here, and often a single connection broke.
std::chrono::milliseconds RetryPause(const S3Error& error, int retries, double random);

// Of the header Retry-After: seconds or a date. `now` in seconds since 1970.
std::optional<std::chrono::seconds> ParseRetryAfter(std::string_view text, std::int64_t now);

// How often many requests may be retried together: a server that fails for all of them is left
// alone.
class RetryQuota {
 public:
  bool Take();
  // A request succeeded, after so many retries.
  void GiveBack(int retries);

 private:
  static constexpr int kCapacity = 500, kCost = 5;

  int tokens_ = kCapacity;
};

}  // namespace neon_s3

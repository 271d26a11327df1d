#include "net/retry.h"

#include <algorithm>
#include <iterator>

#include "core/encoding.h"
#include "core/utc_time.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kThrottlingCodes[] = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequests",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "PriorRequestNotComplete",
};
constexpr std::string_view kTransientCodes[] = {
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
};
constexpr int kTransientStatuses[] = {429, 500, 502, 503, 504};

template <typename Range, typename Value>
bool Has(const Range& range, const Value& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

bool IsThrottling(const S3Error& error) {
  return error.status() == 429 || Has(kThrottlingCodes, error.s3_code());
}

}  // namespace

bool MayRetry(const S3Error& error, Retry retry) {
  const int status = error.status();
  if (error.code() == ErrorCode::kConnect || status == 429 || status == 503) return true;
  if (retry == Retry::kUnsafe) return false;  // it may have been done
  if (error.code() == ErrorCode::kConnectionLost) return true;
  return Has(kTransientStatuses, status) || Has(kTransientCodes, error.s3_code()) ||
         IsThrottling(error);
}

std::chrono::milliseconds RetryPause(const S3Error& error, int retries, double random) {
  constexpr double kLongest = 20000;
  const double first = IsThrottling(error) ? 1000 : 50;
  const double limit = std::min(first * static_cast<double>(1 << std::min(retries, 20)), kLongest);
  return std::chrono::milliseconds(static_cast<std::int64_t>(limit * random));
}

std::optional<std::chrono::seconds> ParseRetryAfter(std::string_view text, std::int64_t now) {
  constexpr std::int64_t kMost = 999999999;
  const std::optional<std::int64_t> seconds = ParseDecimal(text);
  if (seconds && *seconds >= 0 && *seconds <= kMost) return std::chrono::seconds(*seconds);
  const std::optional<std::int64_t> date = ParseHttpDate(text);
  if (!date) return std::nullopt;
  return std::chrono::seconds(std::max<std::int64_t>(*date - now, 0));
}

bool RetryQuota::Take() {
  if (tokens_ < kCost) return false;
  tokens_ -= kCost;
  return true;
}

void RetryQuota::GiveBack(int retries) {
  tokens_ = std::min(tokens_ + std::max(retries * kCost, 1), kCapacity);
}

}  // namespace neon_s3

#include "net/server_clocks.h"

#include <chrono>
#include <cstdlib>

#include "core/s3_error.h"
#include "core/utc_time.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMostClocks = 1000;
constexpr std::int64_t kMostDrift = 60;
constexpr std::int64_t kDay = 24 * 60 * 60;

std::int64_t OriginOf(std::int64_t time_of_day, MonotonicTime now) {
  return time_of_day -
         std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

void ServerClocks::Remember(const Endpoint& endpoint, std::int64_t offset, std::int64_t time_of_day,
                            MonotonicTime now) {
  if (clocks_.size() >= kMostClocks) clocks_.clear();
  clocks_[endpoint.url()] = {offset, OriginOf(time_of_day, now)};
}

std::int64_t ServerClocks::OffsetOf(const Endpoint& endpoint, std::int64_t time_of_day,
                                    MonotonicTime now) const {
  if (clocks_.empty()) return 0;
  const auto found = clocks_.find(endpoint.url());
  if (found == clocks_.end()) return 0;
  const auto& [offset, origin] = found->second;
  return std::abs(OriginOf(time_of_day, now) - origin) > kMostDrift ? 0 : offset;
}

std::optional<std::int64_t> OffsetAfterSkew(const HttpResponse& response,
                                            std::int64_t time_of_day) {
  if (response.status / 100 != 4) return std::nullopt;
  const auto reply = ParseS3Error(response.body);
  if (!reply || reply->code != "RequestTimeTooSkewed") return std::nullopt;
  const auto date = ParseHttpDate(response.Header("date"));
  if (!date || std::abs(*date - time_of_day) > kDay) return std::nullopt;
  return *date - time_of_day;
}

}  // namespace neon_s3

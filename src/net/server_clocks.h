// How far the clocks of S3 servers are from this machine's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/endpoint.h"
#include "core/http_message.h"
#include "net/monotonic.h"

namespace neon_s3 {

// Times of day are seconds since 1970. What is known of a server is replaced by what it says later,
// and counts no more once this machine's clock was set: when that has gone over a minute more, or
// less, than the monotonic one.
class ServerClocks {
 public:
  void Remember(const Endpoint& endpoint, std::int64_t offset, std::int64_t time_of_day,
                MonotonicTime now);
  // What is to be added to `time_of_day`; 0 where nothing is known.
  std::int64_t OffsetOf(const Endpoint& endpoint, std::int64_t time_of_day,
                        MonotonicTime now) const;

 private:
  struct Clock {
    std::int64_t offset;
    std::int64_t origin;  // of the monotonic clock, as time of day
  };
  std::map<std::string, Clock> clocks_;
};

// What a reply says of its server's clock, where that is why it refused (RequestTimeTooSkewed);
// nothing elsewhere, and where it would be off by over a day.
std::optional<std::int64_t> OffsetAfterSkew(const HttpResponse& response, std::int64_t time_of_day);

}  // namespace neon_s3

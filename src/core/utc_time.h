// The two date texts of Signature Version 4, from a time that is an argument: the core has no clock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace neon_s3 {

// X-Amz-Date, ISO 8601 basic format in UTC: 20130524T000000Z.
class UtcTime {
 public:
  // Seconds since 1970-01-01 00:00:00 UTC, years 0 to 9999 (proleptic Gregorian calendar);
  // kBadArgument outside of them.
  explicit UtcTime(std::int64_t unix_seconds);

  std::string_view timestamp() const { return {text_, 16}; }  // YYYYMMDDTHHMMSSZ
  std::string_view date() const { return {text_, 8}; }        // YYYYMMDD
  std::string extended() const;                               // YYYY-MM-DDTHH:MM:SSZ

 private:
  char text_[16];
};

}  // namespace neon_s3

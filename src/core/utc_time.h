// The date texts of Signature Version 4 and of AWS's replies. Times are arguments: the core has no
// clock.
#pragma once

#include <cstdint>
#include <optional>
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

using UnixMicroseconds = std::int64_t;  // since 1970-01-01 00:00:00 UTC

// ISO 8601 extended format to seconds since 1970: 2026-01-31T12:00:00Z, where a fraction of a
// second is dropped, an offset such as +01:00 may stand for the Z, and a space for the T. Nothing
// for other texts and for dates that no calendar has; a time zone must be there.
std::optional<std::int64_t> ParseIso8601(std::string_view text);
// The same to microseconds; the rest of a fraction is dropped.
std::optional<UnixMicroseconds> ParseIso8601Micros(std::string_view text);

// HTTP's date to seconds since 1970, in all three forms of RFC 9110 section 5.6.7; the day may have
// one digit, and UTC or an offset such as +0100 stand for GMT. The day of the week is not looked
// at. Nothing for other texts and for dates that no calendar has.
std::optional<std::int64_t> ParseHttpDate(std::string_view text);

// Either of them.
std::optional<UnixMicroseconds> ParseTime(std::string_view text);

}  // namespace neon_s3

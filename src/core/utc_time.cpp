#include "core/utc_time.h"

#include "core/error.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01 00:00:00
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31 23:59:59

void PutDigits(unsigned value, int count, char* out) {
  for (int i = count - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

UtcTime::UtcTime(std::int64_t unix_seconds) {
  if (unix_seconds < kFirstSecond || unix_seconds > kLastSecond) {
    throw Error(ErrorCode::kBadArgument, "time of signing is out of range",
                "Signature Version 4 has four digits for the year.");
  }
  // Days since 0000-03-01, so that the leap day is the last of its year; era: 400 years, 146097 days.
  const auto since_start = static_cast<std::uint64_t>(unix_seconds - kFirstSecond);
  const auto seconds = static_cast<unsigned>(since_start % kSecondsPerDay);
  const std::uint64_t days = since_start / kSecondsPerDay + 146097 - 60;
  const auto era = static_cast<unsigned>(days / 146097);
  const auto day_of_era = static_cast<unsigned>(days % 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const unsigned year = era * 400 + year_of_era + (month <= 2 ? 1 : 0) - 400;

  PutDigits(year, 4, text_);
  PutDigits(month, 2, text_ + 4);
  PutDigits(day, 2, text_ + 6);
  text_[8] = 'T';
  PutDigits(seconds / 3600, 2, text_ + 9);
  PutDigits(seconds / 60 % 60, 2, text_ + 11);
  PutDigits(seconds % 60, 2, text_ + 13);
  text_[15] = 'Z';
}

std::string UtcTime::extended() const {
  std::string text(timestamp());
  for (const std::size_t digits : {4, 6}) text.insert(digits + text.size() - 16, "-");
  for (const std::size_t digits : {11, 13}) text.insert(digits + text.size() - 16, ":");
  return text;
}

}  // namespace neon_s3

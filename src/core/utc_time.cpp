#include "core/utc_time.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01 00:00:00
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31 23:59:59

void PutDigits(unsigned value, int count, char* out) {
  for (int i = count - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

// Reads a text from the left; `ok` turns false for good once something doesn't fit.
struct Scanner {
  std::string_view rest;
  bool ok = true;

  int Number(std::size_t digits) {
    const std::string_view text = rest.substr(0, digits);
    int number = 0;
    ok = ok && text.size() == digits &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!ok) return 0;
    std::from_chars(text.data(), text.data() + digits, number);
    rest.remove_prefix(digits);
    return number;
  }

  char OneOf(std::string_view choices) {
    ok = ok && !rest.empty() && choices.find(rest.front()) != std::string_view::npos;
    if (!ok) return '\0';
    const char c = rest.front();
    rest.remove_prefix(1);
    return c;
  }

  void SkipFraction() {
    if (rest.empty() || rest.front() != '.') return;
    rest.remove_prefix(1);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    ok = ok && digits > 0;
    rest.remove_prefix(digits);
  }

  // Seconds east of Greenwich.
  int Zone() {
    const char sign = OneOf("Zz+-");
    if (sign == 'Z' || sign == 'z') return 0;
    const int hours = Number(2);
    OneOf(":");
    const int minutes = Number(2);
    ok = ok && hours <= 23 && minutes <= 59;
    return (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
  }
};

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Years count from March, so that the leap day is the last of its year.
std::int64_t DaysSince1970(int year, int month, int day) {
  const std::int64_t y = year + 400 - (month <= 2 ? 1 : 0);
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 146097 - 719468;
}

}  // namespace

std::optional<std::int64_t> ParseIso8601(std::string_view text) {
  Scanner scan{text};
  const int year = scan.Number(4);
  scan.OneOf("-");
  const int month = scan.Number(2);
  scan.OneOf("-");
  const int day = scan.Number(2);
  scan.OneOf("Tt ");
  const int hour = scan.Number(2);
  scan.OneOf(":");
  const int minute = scan.Number(2);
  scan.OneOf(":");
  const int second = scan.Number(2);
  scan.SkipFraction();
  const int zone = scan.Zone();
  const bool valid = scan.ok && scan.rest.empty() && month >= 1 && month <= 12 && day >= 1 &&
                     day <= DaysInMonth(year, month) && hour <= 23 && minute <= 59 && second <= 60;
  if (!valid) return std::nullopt;
  const std::int64_t seconds =
      DaysSince1970(year, month, day) * kSecondsPerDay + hour * 3600 + minute * 60 + second - zone;
  if (seconds < kFirstSecond || seconds > kLastSecond) return std::nullopt;
  return seconds;
}

UtcTime::UtcTime(std::int64_t unix_seconds) {
  if (unix_seconds < kFirstSecond || unix_seconds > kLastSecond) {
    throw Error(ErrorCode::kBadArgument, "time of signing is out of range",
                "Signature Version 4 has four digits for the year.");
  }
  // Days since 0000-03-01, so that the leap day is the last of its year; era: 400 years, 146097
  // days.
  const auto since_start = static_cast<std::uint64_t>(unix_seconds - kFirstSecond);
  const auto seconds = static_cast<unsigned>(since_start % kSecondsPerDay);
  const std::uint64_t days = since_start / kSecondsPerDay + 146097 - 60;
  const auto era = static_cast<unsigned>(days / 146097);
  const auto day_of_era = static_cast<unsigned>(days % 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
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

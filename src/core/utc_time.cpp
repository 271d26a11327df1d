#include "core/utc_time.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01 00:00:00
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31 23:59:59

void PutDigits(unsigned value, int count, char* out) {
  for (int i = count - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

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

  // Microseconds of a fraction, if there is one.
  int Fraction() {
    if (rest.empty() || rest.front() != '.') return 0;
    rest.remove_prefix(1);
    const std::size_t digits = CountDigits();
    ok = ok && digits > 0;
    int micros = 0;
    for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < digits ? rest[i] - '0' : 0);
    rest.remove_prefix(digits);
    return micros;
  }

  // The place of one of `names`, all of which have `size` characters.
  int NameOf(std::string_view names, std::size_t size) {
    const std::size_t at =
        rest.size() < size ? std::string_view::npos : names.find(rest.substr(0, size));
    ok = ok && at != std::string_view::npos && at % size == 0;
    if (!ok) return 0;
    rest.remove_prefix(size);
    return static_cast<int>(at / size);
  }

  int Month() { return NameOf("JanFebMarAprMayJunJulAugSepOctNovDec", 3) + 1; }

  int UpTo2Digits() { return Number(CountDigits() == 1 ? 1 : 2); }

  // Two digits, of RFC 850, are those of 1969 to 2068, as POSIX has it.
  int Year() {
    if (CountDigits() != 2) return Number(4);
    const int year = Number(2);
    return year + (year < 69 ? 2000 : 1900);
  }

  std::size_t CountDigits() const {
    return std::min(rest.find_first_not_of("0123456789"), rest.size());
  }

  void Spaces() { rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size())); }

  void Literal(std::string_view text) {
    ok = ok && StartsWith(rest, text);
    if (ok) rest.remove_prefix(text.size());
  }

  void ReadTimeOfDay(CivilTime* time) {
    time->hour = Number(2);
    OneOf(":");
    time->minute = Number(2);
    OneOf(":");
    time->second = Number(2);
  }

  bool AtEnd() const { return ok && rest.empty(); }

  // Seconds east of Greenwich.
  int Zone() {
    const char sign = OneOf("Zz+-");
    return sign == 'Z' || sign == 'z' ? 0 : Offset(sign);
  }
  int NamedZone() {
    if (rest == "GMT" || rest == "UTC" || rest == "UT" || rest == "Z") {
      rest = {};
      return 0;
    }
    return Offset(OneOf("+-"));
  }
  int Offset(char sign) {
    const int hours = Number(2);
    if (StartsWith(rest, ":")) rest.remove_prefix(1);
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

// Nothing for a time that no calendar has, and outside of the years 0 to 9999.
std::optional<std::int64_t> SecondsOf(const CivilTime& time, int zone) {
  const bool valid = time.month >= 1 && time.month <= 12 && time.day >= 1 &&
                     time.day <= DaysInMonth(time.year, time.month) && time.hour <= 23 &&
                     time.minute <= 59 && time.second <= 60;
  if (!valid) return std::nullopt;
  const std::int64_t seconds = DaysSince1970(time.year, time.month, time.day) * kSecondsPerDay +
                               time.hour * 3600 + time.minute * 60 + time.second - zone;
  if (seconds < kFirstSecond || seconds > kLastSecond) return std::nullopt;
  return seconds;
}

// "Sun Nov  6 08:49:37 1994", of C's function.
std::optional<std::int64_t> ParseAsctime(std::string_view text) {
  Scanner scan{text};
  CivilTime time;
  scan.NameOf("MonTueWedThuFriSatSun", 3);
  scan.Literal(" ");
  time.month = scan.Month();
  scan.Spaces();
  time.day = scan.UpTo2Digits();
  scan.Literal(" ");
  scan.ReadTimeOfDay(&time);
  scan.Literal(" ");
  time.year = scan.Number(4);
  return scan.AtEnd() ? SecondsOf(time, 0) : std::nullopt;
}

}  // namespace

std::optional<UnixMicroseconds> ParseIso8601Micros(std::string_view text) {
  Scanner scan{text};
  CivilTime time;
  time.year = scan.Number(4);
  scan.OneOf("-");
  time.month = scan.Number(2);
  scan.OneOf("-");
  time.day = scan.Number(2);
  scan.OneOf("Tt ");
  scan.ReadTimeOfDay(&time);
  const int micros = scan.Fraction();
  const int zone = scan.Zone();
  const std::optional<std::int64_t> seconds = scan.AtEnd() ? SecondsOf(time, zone) : std::nullopt;
  if (!seconds) return std::nullopt;
  return *seconds * 1000000 + micros;
}

std::optional<std::int64_t> ParseIso8601(std::string_view text) {
  const std::optional<UnixMicroseconds> micros = ParseIso8601Micros(text);
  if (!micros) return std::nullopt;
  return (*micros - (*micros % 1000000 + 1000000) % 1000000) / 1000000;
}

std::optional<std::int64_t> ParseHttpDate(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == text.npos) return ParseAsctime(text);
  Scanner scan{text.substr(comma + 1)};
  CivilTime time;
  scan.Spaces();
  time.day = scan.UpTo2Digits();
  scan.OneOf(" -");
  time.month = scan.Month();
  scan.OneOf(" -");
  time.year = scan.Year();
  scan.Literal(" ");
  scan.ReadTimeOfDay(&time);
  scan.Literal(" ");
  const int zone = scan.NamedZone();
  return scan.AtEnd() ? SecondsOf(time, zone) : std::nullopt;
}

std::optional<UnixMicroseconds> ParseTime(std::string_view text) {
  if (const auto micros = ParseIso8601Micros(text)) return micros;
  const std::optional<std::int64_t> seconds = ParseHttpDate(text);
  if (!seconds) return std::nullopt;
  return *seconds * 1000000;
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
  for (const std::size_t digits : {4u, 6u}) text.insert(digits + text.size() - 16, "-");
  for (const std::size_t digits : {11u, 13u}) text.insert(digits + text.size() - 16, ":");
  return text;
}

}  // namespace neon_s3

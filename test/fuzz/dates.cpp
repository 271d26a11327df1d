// Dates: libc's timegm() and strptime-like arithmetic agree, and what is written is read again.
#include "core/utc_time.h"

#include <cstdio>
#include <ctime>

#include "fuzz.h"

using namespace neon_s3;

namespace {

constexpr std::int64_t kFirst = -62167219200, kLast = 253402300799;

std::tm CivilTime(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm civil{};
  Require(gmtime_r(&time, &civil) != nullptr);
  return civil;
}

std::string Formatted(const std::tm& civil, const char* format) {
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &civil)};
}

// Every way to write one second.
void CheckSecond(std::int64_t seconds) {
  Require(Accepts([&] { UtcTime time(seconds); }) == (seconds >= kFirst && seconds <= kLast));
  if (seconds < kFirst || seconds > kLast) return;
  const UtcTime time(seconds);
  const std::tm civil = CivilTime(seconds);
  char plain[32];
  std::snprintf(plain, sizeof plain, "%04d%02d%02dT%02d%02d%02dZ", civil.tm_year + 1900,
                civil.tm_mon + 1, civil.tm_mday, civil.tm_hour, civil.tm_min, civil.tm_sec);
  Require(time.timestamp() == plain);
  Require(time.date() == std::string_view(plain).substr(0, 8));
  Require(ParseIso8601(time.extended()) == seconds);
  Require(ParseTime(time.extended()) == seconds * 1000000);
  if (civil.tm_year + 1900 < 1000) return;  // strftime() pads no year
  for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y",
                             "%A, %d-%b-%Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S +0000"}) {
    Require(ParseHttpDate(Formatted(civil, format)) == seconds);
  }
}

// What is read is a second that exists, and the text starts with it.
void CheckText(std::string_view text) {
  const auto micros = ParseIso8601Micros(text);
  const auto seconds = ParseIso8601(text);
  Require(micros.has_value() == seconds.has_value());
  if (seconds) {
    const std::int64_t rest = *micros - *seconds * 1000000;
    Require(rest >= 0 && rest < 1000000);
    CheckSecond(*seconds);
    std::tm civil{};
    int year = 0;
    const std::string copy(text);
    Require(std::sscanf(copy.c_str(), "%4d-%2d-%2d%*1c%2d:%2d:%2d", &year, &civil.tm_mon,
                        &civil.tm_mday, &civil.tm_hour, &civil.tm_min, &civil.tm_sec) == 6);
    civil.tm_year = year - 1900;
    --civil.tm_mon;
    Require(std::abs(timegm(&civil) - *seconds) < 86400);  // but for the zone
    if (text.back() == 'Z') Require(timegm(&civil) == *seconds);
  }
  const auto http = ParseHttpDate(text);
  if (http) CheckSecond(*http);
  if (micros)
    Require(ParseTime(text) == micros);
  else
    Require(ParseTime(text).has_value() == http.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::int64_t seconds;
  if (size == sizeof seconds) {
    std::memcpy(&seconds, data, sizeof seconds);
    CheckSecond(seconds);
    CheckSecond(kFirst +
                static_cast<std::int64_t>(static_cast<std::uint64_t>(seconds) % (kLast - kFirst)));
  }
  Input input(data, size);
  CheckText(input.Rest());
  return 0;
}

#include "core/utc_time.h"

#include <ctime>
#include <limits>

#include <gtest/gtest.h>

#include "core/error.h"

#include "expect_error.h"

namespace neon_s3 {
namespace {

TEST(UtcTime, AgreesWithTheCLibrary) {
  // Steps of about 11 days and a bit, over all four-digit years.
  for (std::int64_t t = -62167219200; t <= 253402300799; t += 987654) {
    const std::time_t time = t;
    std::tm tm{};
    ASSERT_NE(gmtime_r(&time, &tm), nullptr);
    char expected[40];
    snprintf(expected, sizeof expected, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    ASSERT_EQ(UtcTime(t).timestamp(), expected) << t;
    ASSERT_EQ(UtcTime(t).date(), std::string_view(expected, 8)) << t;
  }
}

TEST(UtcTime, TurnsTheDayAtMidnight) {
  EXPECT_EQ(UtcTime(1709251199).timestamp(), "20240229T235959Z");
  EXPECT_EQ(UtcTime(1709251200).timestamp(), "20240301T000000Z");
  EXPECT_EQ(UtcTime(253402300799).timestamp(), "99991231T235959Z");
}

TEST(UtcTime, HasAnExtendedForm) {
  EXPECT_EQ(UtcTime(1709251199).extended(), "2024-02-29T23:59:59Z");
}

TEST(UtcTime, RefusesOtherYears) {
  EXPECT_ERROR(ErrorCode::kBadArgument, UtcTime(253402300800));
  EXPECT_ERROR(ErrorCode::kBadArgument, UtcTime(-62167219201));
  EXPECT_ERROR(ErrorCode::kBadArgument, UtcTime(std::numeric_limits<std::int64_t>::min()));
  EXPECT_ERROR(ErrorCode::kBadArgument, UtcTime(std::numeric_limits<std::int64_t>::max()));
}

TEST(ParseIso8601, IsTheInverseOfExtended) {
  for (std::int64_t t = -62167219200; t <= 253402300799; t += 9876543) {
    ASSERT_EQ(ParseIso8601(UtcTime(t).extended()), t) << t;
  }
}

TEST(ParseIso8601, TakesFractionsAndZones) {
  const std::int64_t noon = 1769860800;
  const char* texts[] = {"2026-01-31T12:00:00Z",      "2026-01-31T12:00:00.123456Z",
                         "2026-01-31t12:00:00z",      "2026-01-31 12:00:00+00:00",
                         "2026-01-31T13:30:00+01:30", "2026-01-31T04:00:00-08:00"};
  for (const char* text : texts) EXPECT_EQ(ParseIso8601(text), noon) << text;
  EXPECT_EQ(ParseIso8601("2024-02-29T23:59:60Z"), 1709251200);
}

TEST(ParseIso8601Micros, KeepsTheFraction) {
  const std::int64_t noon = 1769860800000000;
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00Z"), noon);
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00.5Z"), noon + 500000);
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00.000Z"), noon);
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00.000001Z"), noon + 1);
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00.123456789+00:00"), noon + 123456);
  EXPECT_EQ(ParseIso8601Micros("1969-12-31T23:59:59.25Z"), -750000);
  EXPECT_EQ(ParseIso8601("1969-12-31T23:59:59.25Z"), -1);
  EXPECT_EQ(ParseIso8601Micros("2026-01-31T12:00:00.Z"), std::nullopt);
  EXPECT_EQ(ParseIso8601Micros("9999-12-31T23:59:59.999999Z"), 253402300799999999);
}

TEST(ParseHttpDate, ReadsTheRfcsExample) {
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
}

TEST(ParseHttpDate, ReadsOldFormsAndOddOnes) {
  for (const char* text :
       {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 09:49:37 +0100",
        "Sun, 06 Nov 1994 03:49:37 -0500", "sun,06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(ParseHttpDate(text), 784111777) << text;
  }
  EXPECT_EQ(ParseHttpDate("Saturday, 31-Jan-26 12:00:00 GMT"), 1769860800);
}

TEST(ParseTime, ReadsEither) {
  EXPECT_EQ(ParseTime("1994-11-06T08:49:37.5Z"), 784111777500000);
  EXPECT_EQ(ParseTime("1994-11-06 09:49:37+0100"), 784111777000000);
  EXPECT_EQ(ParseTime("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777000000);
  for (const char* text : {"", "now", "0", "Sun, 06 Nov 1994", "1994-11-06T08:49:37"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(ParseHttpDate, AgreesWithTheCLibrary) {
  for (std::int64_t t = -62167219200; t <= 253402300799; t += 98765432) {
    const std::time_t time = t;
    std::tm tm{};
    ASSERT_NE(gmtime_r(&time, &tm), nullptr);
    char text[40], year[20];
    strftime(text, sizeof text, "%a, %d %b ", &tm);
    snprintf(year, sizeof year, "%04d", tm.tm_year + 1900);
    std::string date = std::string(text) + year;
    strftime(text, sizeof text, " %H:%M:%S GMT", &tm);
    ASSERT_EQ(ParseHttpDate(date + text), t) << date << text;
  }
}

TEST(ParseHttpDate, RefusesTheRest) {
  const char* texts[] = {
      "",
      "Sun",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 GMT ",
      "Sun, 06 anF 1994 08:49:37 GMT",
      "Sun, 006 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 194 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun Nov  6 08:49:37 94",
      "Nov  6 08:49:37 1994",
      "Sun, 31 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
  };
  for (const char* text : texts) EXPECT_EQ(ParseHttpDate(text), std::nullopt) << text;
}

TEST(ParseIso8601, RefusesTheRest) {
  const char* texts[] = {
      "",
      "2026",
      "2026-01-31",
      "2026-01-31T12:00:00",
      "2026-01-31T12:00Z",
      "2026-01-31T12:00:00.Z",
      "2026-01-31T12:00:00Zx",
      "2026-01-31T12:00:00+24:00",
      "2026-13-31T12:00:00Z",
      "2026-00-31T12:00:00Z",
      "2026-02-29T12:00:00Z",
      "2100-02-29T12:00:00Z",
      "2026-01-00T12:00:00Z",
      "2026-01-31T24:00:00Z",
      "2026-01-31T12:60:00Z",
      "2026-01-31T12:00:61Z",
      "+026-01-31T12:00:00Z",
      " 2026-01-31T12:00:00Z",
      "0000-01-01T00:00:00+01:00",
      "9999-12-31T23:59:59-01:00",
      "20260131T120000Z",
  };
  for (const char* text : texts) EXPECT_EQ(ParseIso8601(text), std::nullopt) << text;
}

TEST(ParseHttpDate, KnowsTheNamesOfUtc) {
  for (const char* zone : {"GMT", "UTC", "UT", "Z", "+0000", "-00:00"}) {
    EXPECT_EQ(ParseHttpDate(std::string("Sun, 06 Nov 1994 08:49:37 ") + zone), 784111777) << zone;
  }
  for (const char* zone : {"", "CET", "+0060", "+2400", "+01"}) {
    EXPECT_EQ(ParseHttpDate(std::string("Sun, 06 Nov 1994 08:49:37 ") + zone), std::nullopt)
        << zone;
  }
}

}  // namespace
}  // namespace neon_s3

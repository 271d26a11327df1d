#include "core/utc_time.h"

#include <ctime>
#include <limits>

#include <gtest/gtest.h>

#include "core/error.h"

namespace neon_s3 {
namespace {

TEST(UtcTime, AgreesWithTheCLibrary) {
  // Steps of about 11 days and a bit, over all four-digit years.
  for (std::int64_t t = -62167219200; t <= 253402300799; t += 987654) {
    const std::time_t time = t;
    std::tm tm{};
    ASSERT_NE(gmtime_r(&time, &tm), nullptr);
    char expected[40];
    snprintf(expected, sizeof expected, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
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
  EXPECT_THROW(UtcTime(253402300800), Error);
  EXPECT_THROW(UtcTime(-62167219201), Error);
  EXPECT_THROW(UtcTime(std::numeric_limits<std::int64_t>::min()), Error);
  EXPECT_THROW(UtcTime(std::numeric_limits<std::int64_t>::max()), Error);
}

}  // namespace
}  // namespace neon_s3

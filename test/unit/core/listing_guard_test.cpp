#include "core/listing_guard.h"

#include <string>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

// Pages until it is noticed that markers repeat after `lead` others.
int PagesUntilNoticed(int lead, int period) {
  ListingGuard guard;
  for (int page = 0; page < 1000; ++page) {
    const int marker = page < lead ? page : lead + (page - lead) % period;
    try {
      guard.Check(std::to_string(marker), 1);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
      return page;
    }
  }
  return -1;
}

TEST(ListingGuard, NoticesCircles) {
  for (int lead = 0; lead < 20; ++lead) {
    for (int period = 1; period < 20; ++period) {
      const int pages = PagesUntilNoticed(lead, period);
      EXPECT_GE(pages, lead + period);
      EXPECT_LE(pages, 3 * (lead + period) + 2);
    }
  }
}

TEST(ListingGuard, LetsLongListingsGoOn) {
  ListingGuard guard;
  for (int page = 0; page < 100000; ++page) {
    EXPECT_NO_THROW(guard.Check(std::to_string(page), page % 100 == 0 ? 1 : 0));
  }
}

TEST(ListingGuard, EndsPagesWithoutEntries) {
  ListingGuard guard;
  for (int page = 0; page < 300; ++page) guard.Check(std::to_string(page), 0);
  EXPECT_ERROR(ErrorCode::kMalformedReply, guard.Check("300", 0));
}

}  // namespace
}  // namespace neon_s3

#include "core/delete_backoff.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(DeleteBackoff, Doubles) {
  EXPECT_DOUBLE_EQ(DeleteBackoff(1, 0), 30);
  EXPECT_DOUBLE_EQ(DeleteBackoff(2, 0), 60);
  EXPECT_DOUBLE_EQ(DeleteBackoff(9, 0), 7680);
}

TEST(DeleteBackoff, HasAnEnd) {
  EXPECT_DOUBLE_EQ(DeleteBackoff(10, 0), 7680);
  EXPECT_DOUBLE_EQ(DeleteBackoff(1000, 0), 7680);
  EXPECT_DOUBLE_EQ(DeleteBackoff(0, 0), 30);
}

TEST(DeleteBackoff, IsJittered) {
  EXPECT_DOUBLE_EQ(DeleteBackoff(1, 1), 15);
  EXPECT_DOUBLE_EQ(DeleteBackoff(3, 0.5), 90);
}

}  // namespace
}  // namespace neon_s3

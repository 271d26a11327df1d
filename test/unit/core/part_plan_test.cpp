#include "core/part_plan.h"

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = kMiB << 10;
constexpr std::int64_t kTiB = kGiB << 10;

TEST(PartPlan, TakesEightMiBUnlessThatMakesTooManyParts) {
  PartPlan plan = PlanParts(1, std::nullopt);
  EXPECT_EQ(plan.part_size, 8 * kMiB);
  EXPECT_EQ(plan.part_count, 1);
  EXPECT_EQ(plan.SizeOf(1), 1);
  plan = PlanParts(80000 * kMiB, std::nullopt);
  EXPECT_EQ(plan.part_size, 8 * kMiB);
  EXPECT_EQ(plan.part_count, 10000);
  plan = PlanParts(80000 * kMiB + 1, std::nullopt);
  EXPECT_EQ(plan.part_size, 9 * kMiB);
  EXPECT_EQ(plan.part_count, 8889);
  plan = PlanParts(5 * kTiB, std::nullopt);
  EXPECT_LE(plan.part_count, 10000);
  EXPECT_EQ(plan.part_size % kMiB, 0);
}

TEST(PartPlan, TheLastPartHasTheRest) {
  const PartPlan plan = PlanParts(12 * kMiB + 7, 5 * kMiB);
  EXPECT_EQ(plan.part_count, 3);
  EXPECT_EQ(plan.SizeOf(1), 5 * kMiB);
  EXPECT_EQ(plan.SizeOf(2), 5 * kMiB);
  EXPECT_EQ(plan.SizeOf(3), 2 * kMiB + 7);
  EXPECT_EQ(PlanParts(10 * kMiB, 5 * kMiB).SizeOf(2), 5 * kMiB);
}

TEST(PartPlan, KeepsS3sLimits) {
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(0, std::nullopt));
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(-1, std::nullopt));
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(5 * kTiB + 1, std::nullopt));
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(kMiB, 5 * kMiB - 1));
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(kMiB, 5 * kGiB + 1));
  EXPECT_ERROR(ErrorCode::kBadArgument, PlanParts(50000 * kMiB + 1, 5 * kMiB));
  EXPECT_EQ(PlanParts(50000 * kMiB, 5 * kMiB).part_count, 10000);
}

TEST(PartPlan, StreamedPartsGrowUntilTheyHoldTheLargestObject) {
  std::int64_t total = 0;
  for (int number = 1; number <= 10000; ++number) {
    const std::int64_t size = SizeOfStreamedPart(number);
    EXPECT_GE(size, 5 * kMiB);
    EXPECT_LE(size, 5 * kGiB);
    total += size;
    if (number <= 1300) {
      EXPECT_EQ(size, 8 * kMiB);
    }
  }
  EXPECT_GE(total, 5 * kTiB);
  EXPECT_EQ(SizeOfStreamedPart(1301), 16 * kMiB);
  EXPECT_EQ(SizeOfStreamedPart(2300), 16 * kMiB);
  EXPECT_EQ(SizeOfStreamedPart(2301), 32 * kMiB);
  EXPECT_ERROR(ErrorCode::kTooLarge, SizeOfStreamedPart(10001));
}

TEST(PartPlan, PartNumbers) {
  const PartPlan plan = PlanParts(12 * kMiB, 5 * kMiB);
  CheckPartNumber(plan, 1);
  CheckPartNumber(plan, 3);
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckPartNumber(plan, 0));
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckPartNumber(plan, 4));
}

}  // namespace
}  // namespace neon_s3

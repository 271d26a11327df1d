#include "core/part_plan.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = kMiB << 10;
constexpr std::int64_t kMostParts = 10000;
constexpr std::int64_t kLargestObject = 5 * (kGiB << 10);
constexpr std::int64_t kSmallestPart = 5 * kMiB;
constexpr std::int64_t kLargestPart = 5 * kGiB;
constexpr std::int64_t kDefaultPart = 8 * kMiB;

std::int64_t DividedUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t DefaultPartSize(std::int64_t content_length) {
  return std::max(kDefaultPart, DividedUp(DividedUp(content_length, kMostParts), kMiB) * kMiB);
}

}  // namespace

std::int64_t PartPlan::SizeOf(int part_number) const {
  return part_number < part_count ? part_size : content_length - (part_count - 1) * part_size;
}

PartPlan PlanParts(std::int64_t content_length, std::optional<std::int64_t> part_size) {
  if (content_length < 1 || content_length > kLargestObject) {
    throw Error(ErrorCode::kBadArgument,
                "content_length " + std::to_string(content_length) + " is not 1 byte to 5 TiB");
  }
  const std::int64_t size = part_size.value_or(DefaultPartSize(content_length));
  if (size < kSmallestPart || size > kLargestPart) {
    throw Error(ErrorCode::kBadArgument,
                "part_size " + std::to_string(size) + " is not 5 MiB to 5 GiB");
  }
  const std::int64_t count = DividedUp(content_length, size);
  if (count > kMostParts) {
    throw Error(ErrorCode::kBadArgument, "part_size " + std::to_string(size) + " makes " +
                                             std::to_string(count) + " parts, more than 10000");
  }
  return {content_length, size, static_cast<int>(count)};
}

std::int64_t SizeOfStreamedPart(int part_number) {
  if (part_number > kMostParts) {
    throw Error(ErrorCode::kTooLarge, "the object is larger than 5 TiB",
                "Export fewer rows into each of several objects.");
  }
  return kDefaultPart << (std::max(part_number, 301) - 301) / 1000;
}

void CheckPartNumber(const PartPlan& plan, int part_number) {
  if (part_number >= 1 && part_number <= plan.part_count) return;
  throw Error(ErrorCode::kBadArgument, "part_number " + std::to_string(part_number) +
                                           " is not 1 to " + std::to_string(plan.part_count) +
                                           ", the parts of this upload");
}

}  // namespace neon_s3

// How a file is cut into the parts of a multipart upload, within S3's limits.
#pragma once

#include <cstdint>
#include <optional>

namespace neon_s3 {

struct PartPlan {
  std::int64_t content_length;
  std::int64_t part_size;  // of all parts but the last
  int part_count;

  // REQUIRES: 1 <= part_number <= part_count.
  std::int64_t SizeOf(int part_number) const;
};

// Without a part size: 8 MiB, or as many whole MiB as 10,000 parts need. kBadArgument for a length
// that is not 1 byte to 5 TiB, a part size that is not 5 MiB to 5 GiB, and more than 10,000 parts.
PartPlan PlanParts(std::int64_t content_length, std::optional<std::int64_t> part_size);

// Of a file that is sent before its length is known: 8 MiB for the first 1,300 parts, twice as much
// after every 1,000 more, so that 10,000 parts hold 5 TiB. kTooLarge beyond them.
std::int64_t SizeOfStreamedPart(int part_number);

// kBadArgument unless it is one of the plan's.
void CheckPartNumber(const PartPlan& plan, int part_number);

}  // namespace neon_s3

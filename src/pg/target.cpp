#include "pg/target.h"

#include "core/endpoint.h"
#include "core/error.h"

namespace neon_s3 {

std::string_view RequireBucket(const Target& target) {
  const std::string_view bucket = target.bucket.value_or(target.default_bucket);
  if (!target.bucket && bucket.empty()) {
    throw Error(ErrorCode::kBadArgument, "no bucket is given",
                "Name one in the argument \"bucket\", or set neon_s3.bucket.");
  }
  ValidateBucketName(bucket);
  return bucket;
}

}  // namespace neon_s3

// What s3_doctor shares with the functions about buckets. C++ side.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/bucket_config.h"
#include "pg/s3_call.h"

namespace neon_s3 {

// A configuration's document as the server has it; nothing where none is set.
std::optional<std::string> GetConfig(std::string_view bucket, BucketConfig config, S3Client& s3);

}  // namespace neon_s3

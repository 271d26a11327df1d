// The parts of a multipart upload that S3 has. C++ side.
#pragma once

#include <string_view>
#include <vector>

#include "core/s3_response.h"
#include "net/s3_client.h"

namespace neon_s3 {

// All parts, by number. kNotFound if the upload does not exist, or no longer.
std::vector<ListedPart> ListAllParts(S3Client& s3, std::string_view bucket, std::string_view key,
                                     std::string_view upload_id);

}  // namespace neon_s3

// How multipart uploads end, also where nobody heard that they did. C++ side.
#pragma once

#include <string_view>
#include <vector>

#include "core/s3_request.h"
#include "core/s3_response.h"
#include "net/s3_client.h"

namespace neon_s3 {

// Completes an upload. Where its answer was lost, and the retry finds no such upload, the object is
// looked at: what was completed all the same is no error.
WrittenObject CompleteUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                             std::string_view upload_id, std::vector<CompletedPart> parts,
                             bool overwrite);

// Aborts an upload; that a retry finds no such upload is what was wanted.
void AbortUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                 std::string_view upload_id);

}  // namespace neon_s3

// How multipart uploads end, even where the reply that said so was lost. C++ side.
#pragma once

#include <string_view>
#include <vector>

#include "core/caller_headers.h"
#include "core/s3_request.h"
#include "core/s3_response.h"
#include "net/s3_client.h"

namespace neon_s3 {

// Completes an upload. Where the reply was lost, and the retry gets NoSuchUpload, the object tells
// whether the first attempt had completed the upload, which is then a success. `headers` are
// those of the whole upload.
WrittenObject CompleteUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                             std::string_view upload_id, std::vector<CompletedPart> parts,
                             bool overwrite, const CallerHeaders& headers = {});

// Aborts an upload; that a retry finds no such upload is what was wanted.
void AbortUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                 std::string_view upload_id, const CallerHeaders& headers = {});

}  // namespace neon_s3

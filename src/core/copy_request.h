// What a copy in parts asks for, beside CopyObject and the requests of multipart uploads.
#pragma once

#include <string>
#include <string_view>

#include "core/http_message.h"
#include "core/s3_request.h"

namespace neon_s3 {

// All views. The version is empty where it is the current one.
struct CopyNames {
  std::string_view source_bucket, source_key, source_version;
  std::string_view bucket, key;
};

S3Request CopyObject(const CopyNames& names);

// A range of the source, with a length, as a part of an upload.
S3Request UploadPartCopy(const CopyNames& names, std::string_view upload_id, int part_number,
                         const ByteRange& range);

// Only where the source still has this ETag; weak ones and none make no condition.
void SetSourceIfMatch(std::string_view etag, S3Request* request);

S3Request GetObjectTagging(std::string_view bucket, std::string_view key,
                           std::string_view version_id = {});
// Its reply, as x-amz-tagging has it: "a=1&b=2", percent-encoded.
std::string ParseTagging(std::string_view body);

}  // namespace neon_s3

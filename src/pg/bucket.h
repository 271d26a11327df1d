// What the functions about buckets have in common. C++ side.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/s3_call.h"

namespace neon_s3 {

// A configuration as the server has it; nothing where none is set.
std::optional<std::string> GetConfig(std::string_view bucket, std::string_view subresource,
                                     S3Client& s3);

// True for the buckets of others too.
bool BucketExists(std::string_view bucket, S3Client& s3);

S3Request CreateBucketAt(const Target& target, std::string_view bucket);

// Its four switches, on or off; BlockPublicAcls may differ.
std::string PublicAccessBlockXml(bool block, bool block_acls);

}  // namespace neon_s3

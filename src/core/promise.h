// What an upload was begun with, and whether the object is that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http_message.h"
#include "core/s3_request.h"

namespace neon_s3 {

// Nothing where nothing was promised.
struct Promise {
  std::optional<std::int64_t> content_length;
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> checksum_sha256;  // 32 bytes
};

struct Measured {
  std::int64_t size;
  std::string_view content_type;
  std::optional<std::string> checksum_sha256;
};

// HeadObject that asks for the object's checksum, too.
S3Request HeadWithChecksum(std::string_view bucket, std::string_view key);

// The SHA-256 that the reply reports of the whole object; nothing where it reports none.
std::optional<std::string> ReportedChecksum(const HttpResponse& reply);

// A sentence about the first thing that is not as promised; empty where all is. Types are compared
// without case; a checksum only where the server reports one.
std::string DescribeDifference(const Promise& promise, const Measured& measured);

}  // namespace neon_s3

// What S3 takes at most, to be refused before it is copied, encoded or compared with anything.
#pragma once

#include <cstddef>

#include "core/error.h"

namespace neon_s3 {

struct Limit {
  std::size_t bytes;
  const char* message;
  const char* hint;
};

// Names and values, encoded, with '=' and '&'. Amazon's servers take 8 KiB of request line and
// headers; a query this long leaves no server's default room for the rest.
inline constexpr Limit kQueryLimit{8192, "query parameters exceed the limit of 8192 bytes",
                                   "No S3 server takes a longer URL."};
// Names and values, with ": " between.
inline constexpr Limit kHeadersLimit{8192, "headers exceed the limit of 8192 bytes",
                                     "No S3 server takes more headers."};
// Names and values. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
inline constexpr Limit kMetadataLimit{2048, "metadata exceeds the limit of 2048 bytes",
                                      "S3 keeps no more with an object."};
// Names and values, the policy among them. S3's error MaxPostPreDataLengthExceeded names it.
inline constexpr Limit kFormLimit{20480, "fields of the POST form exceed the limit of 20480 bytes",
                                  "Every field counts twice: the policy names it, too."};

// kTooLarge unless `bytes` are within the limit.
inline void RequireWithin(const Limit& limit, std::size_t bytes) {
  if (bytes > limit.bytes) throw Error(ErrorCode::kTooLarge, limit.message, limit.hint);
}

}  // namespace neon_s3

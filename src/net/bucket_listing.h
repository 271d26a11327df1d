// All that a bucket holds, and the multipart uploads that are under way in it.
#pragma once

#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/s3_response.h"
#include "net/s3_client.h"

namespace neon_s3 {

struct BucketListing {
  std::vector<ListedObject> objects;
  std::vector<ListedUpload> uploads;
  std::unordered_set<std::string_view> keys;  // of `objects`
};

// Page after page, into an empty `listing`. kMalformedReply where pages lead in a circle; whatever
// is thrown, `listing` is worth nothing then.
void ListBucket(S3Client& s3, std::string_view bucket, BucketListing* listing);

}  // namespace neon_s3

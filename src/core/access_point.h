// Access points, which stand for their bucket where their ARN is given in its place.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-access-points.html
#pragma once

#include <string>
#include <string_view>

#include "core/arn.h"

namespace neon_s3 {

// kUnsupported for an access point, which is made and deleted in other ways than a bucket.
void RequireBucketItself(std::string_view bucket);

// The region to sign for: that of an access point, else `region`.
std::string_view RegionFor(std::string_view bucket, std::string_view region);

// kBadArgument for an access point that requests signed for `region` must not go to: in another
// partition, or, without `may_leave_region`, in another region.
void CheckAccessPoint(std::string_view arn, std::string_view region, bool may_leave_region);

// A bucket or access point and a key, as x-amz-copy-source has them: percent-encoded. The errors of
// ValidateBucketName().
std::string CopySourceOf(std::string_view bucket, std::string_view key);

}  // namespace neon_s3

// ARNs in place of a bucket's name: those of access points.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-access-points.html
#pragma once

#include <string_view>

namespace neon_s3 {

// arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME, taken apart. The region tells the partition.
struct AccessPoint {
  std::string_view region, account, name;
};

// Whether a bucket's name is an ARN, of whatever kind.
bool IsArn(std::string_view bucket);

// kUnsupported for multi-region and Object Lambda access points and for Outposts; kBadArgument for
// other ARNs that are none of an access point.
AccessPoint ParseAccessPoint(std::string_view arn);

}  // namespace neon_s3

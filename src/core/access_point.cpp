#include "core/access_point.h"

#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/error.h"

namespace neon_s3 {

void RequireBucketItself(std::string_view bucket) {
  if (!IsArn(bucket)) return;
  throw Error(ErrorCode::kUnsupported,
              "access point \"" + WithoutControls(bucket) + "\" is no bucket",
              "Name the bucket itself.");
}

std::string_view RegionFor(std::string_view bucket, std::string_view region) {
  return IsArn(bucket) ? ParseAccessPoint(bucket).region : region;
}

void CheckAccessPoint(std::string_view arn, std::string_view region, bool may_leave_region) {
  const AccessPoint point = ParseAccessPoint(arn);
  if (AwsPartition(point.region) != AwsPartition(region)) {
    throw Error(ErrorCode::kBadArgument,
                "access point \"" + std::string(arn) + "\" is in another partition than region \"" +
                    std::string(region) + "\"",
                "Set a region of the access point's partition.");
  }
  if (may_leave_region || point.region == region) return;
  throw Error(
      ErrorCode::kBadArgument,
      "access point \"" + std::string(arn) + "\" is not in region \"" + std::string(region) + "\"",
      "Set the region, or let AWS_S3_USE_ARN_REGION (s3_use_arn_region of the profile) be "
      "true.");
}

std::string CopySourceOf(std::string_view bucket, std::string_view key) {
  ValidateBucketName(bucket);
  std::string name(bucket);  // some servers refuse a slash before it
  name.append(IsArn(bucket) ? "/object/" : "/").append(key);
  std::string source;
  AppendUriEncodedPath(name, &source);
  return source;
}

}  // namespace neon_s3

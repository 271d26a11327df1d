// The configurations of a bucket that S3 wants in XML, and people write in AWS's JSON: CORS rules,
// lifecycle rules, the public access block.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
#pragma once

#include <string>
#include <string_view>

namespace neon_s3 {

enum class BucketConfig { kCors, kLifecycle, kPublicAccessBlock };

// JSON text (UTF-8) to XML. For rules: the array of them, as the console and the guide have it, or
// the object that the AWS CLI takes ({"CORSRules": […]}, {"Rules": […]}). Members are AWS's names;
// kBadArgument, naming the member, for unknown or missing ones and wrong types, and for no rule at
// all.
std::string BucketConfigToXml(BucketConfig config, std::string_view json);

// XML to JSON: the array of rules, or the object of the public access block. Members and elements
// keep AWS's names, so that what comes out may be put again. kMalformedReply for what is none.
std::string BucketConfigToJson(BucketConfig config, std::string_view xml);

}  // namespace neon_s3

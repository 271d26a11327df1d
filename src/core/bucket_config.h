// The configurations of a bucket: CORS rules, policy, lifecycle rules, public access block,
// versioning. People write them in AWS's JSON; S3 wants a document: XML, or JSON for the policy.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
#pragma once

#include <string>
#include <string_view>

namespace neon_s3 {

enum class BucketConfig { kCors, kPolicy, kLifecycle, kPublicAccessBlock, kVersioning };

// What S3 and we call a configuration.
struct BucketConfigNames {
  BucketConfig config;
  std::string_view subresource;       // in the query of a request
  std::string_view put, get, remove;  // AWS's operations; empty where there is none
  std::string_view content_type;      // of the document
  std::string_view missing_code;      // S3's error code where none is set; empty: it has none
  std::string_view noun;              // in messages: "bucket \"b\" has no " + noun
};
const BucketConfigNames& NamesOf(BucketConfig config);

// Returns the noun of the configuration that S3's error code says is not set; empty for other
// codes.
std::string_view MissingConfig(std::string_view s3_code);

// Makes a document of JSON text (UTF-8). For rules: the array of them, as the console and the guide
// have it, the object that the AWS CLI takes ({"CORSRules": […]}, {"Rules": […]}), or one rule
// alone. Members have AWS's names; kBadArgument, naming the member, for unknown or missing ones and
// wrong types, and for no rule at all.
std::string BucketConfigDocument(BucketConfig config, std::string_view json);

// Makes JSON of a server's document: an array of rules, or an object. Members and elements keep
// AWS's names, so that what comes out may be put again. kMalformedReply for other documents.
std::string BucketConfigJson(BucketConfig config, std::string_view document);

// Whether two JSON texts of BucketConfigJson() say the same. The order of texts in a list says
// nothing.
bool SameConfig(std::string_view json, std::string_view other_json);

}  // namespace neon_s3

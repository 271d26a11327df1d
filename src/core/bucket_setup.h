// What s3_setup_bucket sets, beside the CORS rules (cors.h): JSON for BucketConfigDocument().
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neon_s3 {

// Amazon's four switches, on or off; BlockPublicAcls may differ.
std::string PublicAccessBlock(bool block, bool block_acls);

// Lets everybody read the bucket's objects, but not list them. `partition` as in AwsPartition().
std::string PublicReadPolicy(std::string_view partition, std::string_view bucket);

// Returns a bucket's lifecycle configuration (empty: it has none) with one more rule, which aborts
// multipart uploads that are not complete after 7 days; nullopt where it has a rule of that kind.
// What the document holds beside stays as it is, known here or not. kMalformedReply for another
// document.
std::optional<std::string> WithAbortRule(std::string_view lifecycle_document);

}  // namespace neon_s3

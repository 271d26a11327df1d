// Configurations that are made here, beside CORS rules (cors.h): JSON for BucketConfigDocument().
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neon_s3 {

// Amazon's four switches, on or off; BlockPublicAcls may differ.
std::string PublicAccessBlock(bool block, bool block_acls);

// Lets everybody read the bucket's objects, but not list them. `partition` as in AwsPartition().
std::string PublicReadPolicy(std::string_view partition, std::string_view bucket);

// Returns the versioning configuration, JSON; and the Status of one: "Enabled", "Suspended", or
// empty where versioning was never enabled.
std::string Versioning(bool enabled);
std::string VersioningStatus(std::string_view json);

// Returns a bucket's lifecycle configuration (empty: it has none) with one more rule, which aborts
// multipart uploads that are not complete after 7 days; nullopt where it has a rule of that kind.
// What the document holds beside stays as it is, known here or not. kMalformedReply for another
// document.
std::optional<std::string> WithAbortRule(std::string_view lifecycle_document);

}  // namespace neon_s3

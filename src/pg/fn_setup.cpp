// s3_setup_bucket: the steps that the guide takes in Amazon's console.
#include <vector>

#include <nlohmann/json.hpp>

#include "core/bucket_config.h"
#include "core/error.h"
#include "pg/bucket.h"
#include "pg/result.h"

namespace neon_s3 {
namespace {

struct Step {
  std::string name;
  bool done;
  std::string detail;
};

// `body()` gives the detail of a step that is done. Only being told to stop is raised.
template <typename Body>
bool Try(const char* name, std::vector<Step>* steps, const Body& body) {
  try {
    steps->push_back({name, true, body()});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    steps->push_back({name, false, DescribeError(error)});
  }
  return steps->back().done;
}

// Reads a configuration, and puts another one where it differs.
std::string Put(BucketConfig config, std::string_view subresource, std::string_view bucket,
                const std::string& wanted, S3Client& s3) {
  const auto present = GetConfig(bucket, subresource, s3);
  const auto is_wanted = [&] {
    return nlohmann::json::parse(BucketConfigToJson(config, *present), nullptr, false) ==
           nlohmann::json::parse(BucketConfigToJson(config, wanted), nullptr, false);
  };
  if (present && is_wanted()) return "was so already";
  s3.Call(PutBucketConfig(bucket, subresource, wanted));
  return present ? "replaced" : "set";
}

// What presigned uploads and downloads of a browser need. ETag: for uploads in parts.
std::string CorsXml(const TextArgs& origins) {
  nlohmann::json rule = {{"AllowedHeaders", {"*"}},
                         {"AllowedMethods", {"GET", "HEAD", "PUT", "POST"}},
                         {"AllowedOrigins", nlohmann::json::array()},
                         {"ExposeHeaders", {"ETag"}},
                         {"MaxAgeSeconds", 9000}};
  for (const std::string_view origin : origins)
    rule["AllowedOrigins"].push_back(std::string(origin));
  return BucketConfigToXml(BucketConfig::kCors, nlohmann::json::array({rule}).dump());
}

std::string PublicReadPolicy(std::string_view partition, std::string_view bucket) {
  const std::string resource =
      "arn:" + std::string(partition) + ":s3:::" + std::string(bucket) + "/*";
  const nlohmann::json statement = {{"Sid", "PublicReadGetObject"},
                                    {"Effect", "Allow"},
                                    {"Principal", "*"},
                                    {"Action", "s3:GetObject"},
                                    {"Resource", resource}};
  return nlohmann::json{{"Version", "2012-10-17"}, {"Statement", {statement}}}.dump();
}

std::string PutPolicy(std::string_view bucket, const std::string& policy, S3Client& s3) {
  const auto present = GetConfig(bucket, "policy", s3);
  const bool is_wanted =
      present && nlohmann::json::parse(*present, nullptr, false) == nlohmann::json::parse(policy);
  if (is_wanted) return "was so already";
  if (present) {
    throw Error(ErrorCode::kRefused, "the bucket has another policy",
                "Add the statement to it with s3_put_bucket_policy.");
  }
  s3.Call(PutBucketConfig(bucket, "policy", policy));
  return "everybody may read its objects";
}

void SetUp(S3Call& call, const TextArgs& origins, bool public_read, std::vector<Step>* steps,
           S3Client& s3) {
  const std::string_view bucket = call.bucket();
  const bool exists = Try("bucket", steps, [&]() -> std::string {
    if (BucketExists(bucket, s3)) return "exists already";
    s3.Call(CreateBucketAt(call.target(), bucket));
    return "created";
  });
  if (!exists) return;
  if (!origins.is_null) {
    Try("cors", steps,
        [&] { return Put(BucketConfig::kCors, "cors", bucket, CorsXml(origins), s3); });
  }
  Try("public_access_block", steps, [&] {
    // To Ceph (16 at least) every upload is one with a public ACL.
    const bool block_acls = !public_read && call.target().endpoint.empty();
    return Put(BucketConfig::kPublicAccessBlock, "publicAccessBlock", bucket,
               PublicAccessBlockXml(!public_read, block_acls), s3);
  });
  if (!public_read) return;
  Try("policy", steps, [&] {
    return PutPolicy(bucket, PublicReadPolicy(AwsPartition(call.target().region), bucket), s3);
  });
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_setup_bucket);
Datum neon_s3_setup_bucket(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText bucket = args.Text();
  const TextArgs origins = args.Texts("allowed_origins");
  const bool public_read = args.Boolean(false);
  const Target target = ResolveTarget(bucket, args.Name());
  BeginRows(fcinfo);
  if (!bucket) PG_RETURN_NULL();

  const std::vector<Step>* steps;
  S3Call call(Operation::kSetupBucket, {}, target);
  call.Run([&](S3Client& s3) {
    std::vector<Step> taken;
    SetUp(call, origins, public_read, &taken, s3);
    steps = &call.Keep(std::move(taken));
  });
  for (const Step& step : *steps) {
    Row row;
    row.Text(step.name);
    row.Boolean(step.done);
    row.Text(step.detail);
    row.Put(fcinfo);
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

#include "core/bucket_setup.h"

#include <new>

#include "core/bucket_config.h"
#include "core/json.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

// Amazon takes no mixture of rules in the older form, with a Prefix, and in the newer one.
std::string AbortRule(bool has_prefixes) {
  const std::string scope = has_prefixes ? R"("Prefix": "")" : R"("Filter": {"Prefix": ""})";
  return BucketConfigDocument(
      BucketConfig::kLifecycle,
      R"({"ID": "abort-incomplete-uploads", "Status": "Enabled", )" + scope +
          R"(, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}})");
}

}  // namespace

std::string PublicAccessBlock(bool block, bool block_acls) {
  const std::string all = block ? "true" : "false", acls = block_acls ? "true" : "false";
  return R"({"BlockPublicAcls":)" + acls + R"(,"IgnorePublicAcls":)" + all +
         R"(,"BlockPublicPolicy":)" + all + R"(,"RestrictPublicBuckets":)" + all + "}";
}

std::string PublicReadPolicy(std::string_view partition, std::string_view bucket) {
  const std::string resource =
      "arn:" + std::string(partition) + ":s3:::" + std::string(bucket) + "/*";
  return R"({"Version":"2012-10-17","Statement":[{"Sid":"PublicReadGetObject","Effect":"Allow",)"
         R"("Principal":"*","Action":"s3:GetObject","Resource":)" +
         ToJson(resource) + "}]}";
}

std::string Versioning(bool enabled) {
  return std::string(R"({"Status":")") + (enabled ? "Enabled" : "Suspended") + "\"}";
}

std::string VersioningStatus(std::string_view json) {
  const OwnedJson value = ParseJson(json);
  return value->value("Status", std::string());
}

std::optional<std::string> WithAbortRule(std::string_view lifecycle_document) {
  if (lifecycle_document.empty()) return AbortRule(false);
  const XmlReply present(lifecycle_document, {"LifecycleConfiguration"});
  bool has_prefixes = false;
  for (const pugi::xml_node& rule : present.root().children("Rule")) {
    if (rule.child("AbortIncompleteMultipartUpload")) return std::nullopt;
    has_prefixes = has_prefixes || rule.child("Prefix");
  }
  const std::string added = AbortRule(has_prefixes);
  pugi::xml_node root = present.root();
  if (!root.append_copy(XmlReply(added, {"LifecycleConfiguration"}).root().child("Rule")))
    throw std::bad_alloc();
  return ToText(root);
}

}  // namespace neon_s3

#include "core/arn.h"

#include <array>
#include <string>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kArn = "arn:";
constexpr std::string_view kResource = "accesspoint";
constexpr std::size_t kMaxLabel = 63;

constexpr ByteSet kLabelChars("abcdefghijklmnopqrstuvwxyz0123456789-");
constexpr ByteSet kDigits("0123456789");

[[noreturn]] void RefuseArn(std::string_view arn, const char* hint) {
  throw Error(ErrorCode::kBadArgument, "invalid bucket name \"" + WithoutControls(arn) + "\"",
              hint);
}

[[noreturn]] void RefuseKind(const char* kind, std::string_view arn, const char* hint) {
  throw Error(ErrorCode::kUnsupported,
              std::string(kind) + " \"" + WithoutControls(arn) + "\" is not supported", hint);
}

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabel && text.front() != '-' && text.back() != '-' &&
         kLabelChars.CountPrefix(text) == text.size();
}

// arn:partition:service:region:account:resource, where the last may have colons of its own.
std::array<std::string_view, 6> FieldsOf(std::string_view arn) {
  std::array<std::string_view, 6> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t colon = i + 1 < fields.size() ? arn.find(':') : arn.npos;
    fields[i] = arn.substr(0, colon);
    arn.remove_prefix(colon == arn.npos ? arn.size() : colon + 1);
  }
  return fields;
}

void RefuseOtherServices(std::string_view service, std::string_view arn) {
  if (service == "s3-outposts") {
    RefuseKind("S3 on Outposts", arn, "Name a bucket or an access point of S3 itself.");
  }
  if (service == "s3-object-lambda") {
    RefuseKind("Object Lambda access point", arn, "Name the access point that it is made of.");
  }
  if (service == "s3express") {
    RefuseKind("S3 Express access point", arn, "Use a general purpose bucket.");
  }
}

}  // namespace

bool IsArn(std::string_view bucket) { return StartsWith(bucket, kArn); }

AccessPoint ParseAccessPoint(std::string_view arn) {
  const auto [prefix, partition, service, region, account, resource] = FieldsOf(arn);
  RefuseOtherServices(service, arn);
  const bool has_kind =
      StartsWith(resource, kResource) && resource.find_first_of("/:") == kResource.size();
  if (service != "s3" || !has_kind) {
    RefuseArn(arn,
              "Name the bucket itself, or an access point: "
              "arn:aws:s3:eu-central-1:123456789012:accesspoint/my-access-point.");
  }
  const std::string_view name = resource.substr(kResource.size() + 1);
  if (region.empty()) {
    RefuseKind("multi-region access point", arn,
               "Such access points take another signature (SigV4A) only. Name one of their "
               "buckets.");
  }
  const bool is_valid = IsLabel(region) && account.size() == 12 &&
                        kDigits.CountPrefix(account) == account.size() && IsLabel(name) &&
                        name.size() + 1 + account.size() <= kMaxLabel;
  if (!is_valid || !IsLabel(partition) || !StartsWith(partition, "aws")) {
    RefuseArn(arn,
              "An access point looks like "
              "arn:aws:s3:eu-central-1:123456789012:accesspoint/my-access-point.");
  }
  return {region, account, name};
}

}  // namespace neon_s3

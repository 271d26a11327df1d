#include "net/bucket_regions.h"

#include "core/s3_error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMostRegions = 1000;

constexpr std::string_view kService = "s3.";

}  // namespace

void BucketRegions::Remember(const Endpoint& endpoint, const std::string& bucket,
                             std::string region) {
  if (regions_.size() >= kMostRegions) regions_.clear();
  regions_[{endpoint.url(), bucket}] = std::move(region);
}

std::string BucketRegions::Find(const Endpoint& endpoint, const std::string& bucket) const {
  if (regions_.empty()) return {};
  const auto found = regions_.find({endpoint.url(), bucket});
  return found == regions_.end() ? std::string() : found->second;
}

bool MayMove(const Endpoint& endpoint) {
  if (!endpoint.is_aws()) return true;
  std::string_view rest = endpoint.host;
  if (!endpoint.port.empty() || !endpoint.base_path.empty() || !StartsWith(rest, kService)) {
    return false;
  }
  rest.remove_prefix(kService.size());
  const std::string_view region = rest.substr(0, rest.find('.'));
  return AwsEndpoint(region).host == endpoint.host || rest == "amazonaws.com";
}

std::string OtherRegion(const S3Request& request, const HttpResponse& response,
                        std::string_view region) {
  const int status = response.status;
  if (request.bucket.empty() || (status != 301 && status != 307 && status != 400)) return {};
  const S3ErrorReply reply = ParseS3Error(response.body).value_or(S3ErrorReply());
  // The document names the region, not the signature.
  if (StartsWith(reply.code, "IllegalLocationConstraint")) return {};
  std::string other(response.Header("x-amz-bucket-region"));
  if (other.empty()) other = reply.region;
  return other != region && IsRegion(other) ? other : std::string();
}

}  // namespace neon_s3

// The regions that buckets turned out to be in.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/s3_request.h"

namespace neon_s3 {

class BucketRegions {
 public:
  void Remember(const Endpoint& endpoint, const std::string& bucket, std::string region);
  // Empty where nothing is known.
  std::string Find(const Endpoint& endpoint, const std::string& bucket) const;

 private:
  std::map<std::pair<std::string, std::string>, std::string> regions_;
};

// Whether requests to `endpoint` follow a bucket to its region: at Amazon, only where it is a plain
// regional endpoint. Others (FIPS, dual-stack, VPC) were chosen, and the plain one is not like
// them.
bool MayMove(const Endpoint& endpoint);

// The region that a reply names instead of `region`, where that is the reason for the refusal;
// empty where it is not.
std::string OtherRegion(const S3Request& request, const HttpResponse& response,
                        std::string_view region);

}  // namespace neon_s3

#include "pg/backend_state.h"

#include "core/error.h"
#include "net/endpoint_url.h"
#include "pg/sign.h"

namespace neon_s3 {

BackendState& BackendState::Get() {
  static auto* state = new BackendState();  // never destroyed: a backend ends by _exit
  return *state;
}

const Address& BackendState::ResolveClientAddress(const Target& target, std::string_view region) {
  const std::string_view bucket = target.bucket.value_or(target.default_bucket);
  const std::string_view endpoint =
      target.public_endpoint.empty() ? target.endpoint : target.public_endpoint;
  const bool same = bucket_ == bucket && endpoint_ == endpoint && region_ == region &&
                    addressing_style_ == target.addressing_style;
  if (same && !bucket_.empty()) return address_;

  RequireBucket(target);
  bucket_.clear();  // nothing is cached unless all goes well
  address_ = ResolveAddress(S3Endpoint(endpoint, region), target.addressing_style, bucket);
  endpoint_ = endpoint;
  region_ = region;
  addressing_style_ = target.addressing_style;
  bucket_ = bucket;
  return address_;
}

}  // namespace neon_s3

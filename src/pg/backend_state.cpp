#include "pg/backend_state.h"

#include <algorithm>

#include "core/error.h"
#include "net/endpoint_url.h"
#include "pg/sign.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kRememberedUploads = 1000;

}  // namespace

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

const PresignedUpload& BackendState::Remember(PresignedUpload upload) {
  if (uploads_.size() == kRememberedUploads) uploads_.pop_front();
  return uploads_.emplace_back(std::move(upload));
}

const PresignedUpload* BackendState::Recall(std::string_view object_key) const {
  const auto found =
      std::find_if(uploads_.rbegin(), uploads_.rend(),
                   [&](const PresignedUpload& upload) { return upload.object_key == object_key; });
  return found == uploads_.rend() ? nullptr : &*found;
}

}  // namespace neon_s3

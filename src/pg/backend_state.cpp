#include "pg/backend_state.h"

#include <algorithm>

#include "core/error.h"
#include "net/endpoint_url.h"
#include "pg/guc.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kRememberedUploads = 1000;

Endpoint ClientEndpoint(const Settings& settings) {
  if (*settings.public_endpoint) return ParseEndpointUrl(settings.public_endpoint);
  if (*settings.endpoint) return ParseEndpointUrl(settings.endpoint);
  return AwsEndpoint(settings.region);
}

}  // namespace

BackendState& BackendState::Get() {
  static auto* state = new BackendState();  // never destroyed: a backend ends by _exit
  return *state;
}

const Address& BackendState::ResolveClientAddress(std::optional<std::string_view> bucket) {
  const Settings& settings = CurrentSettings();
  const std::string_view name = bucket ? *bucket : std::string_view(settings.bucket);
  if (generation_ == settings.generation && bucket_ == name) return address_;

  if (!bucket && name.empty()) {
    throw Error(ErrorCode::kBadArgument, "no bucket is given",
                "Name one in the argument \"bucket\", or set neon_s3.bucket.");
  }
  ValidateBucketName(name);
  generation_ = 0;
  address_ = ResolveAddress(ClientEndpoint(settings),
                            static_cast<AddressingStyle>(settings.addressing_style), name);
  bucket_ = name;
  generation_ = settings.generation;
  return address_;
}

const PresignedUpload& BackendState::Remember(PresignedUpload upload) {
  if (uploads_.size() == kRememberedUploads) uploads_.pop_front();
  return uploads_.emplace_back(std::move(upload));
}

const PresignedUpload* BackendState::Recall(std::string_view object_key) const {
  const auto found =
      std::find_if(uploads_.rbegin(), uploads_.rend(), [&](const PresignedUpload& upload) {
        return upload.object_key == object_key;
      });
  return found == uploads_.rend() ? nullptr : &*found;
}

}  // namespace neon_s3

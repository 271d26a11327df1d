#include "pg/session.h"

#include <ctime>

#include "core/encoding.h"
#include "core/error.h"
#include "core/object_key.h"
#include "net/endpoint_url.h"
#include "pg/boundary.h"
#include "pg/stats.h"
#include "pg/wait_event.h"

namespace neon_s3 {
namespace {

std::string_view RegionFor(const Target& target, const CredentialChain::Found& found) {
  if (target.region_is_set || found.region.empty()) return target.region;
  ValidateRegion(found.region);
  return found.region;
}

[[noreturn]] void RaiseNoCredentials(const Target& target) {
  throw Error(
      ErrorCode::kNoCredentials, "no S3 credentials are found",
      target.only_mappings
          ? "Create a user mapping for the role or PUBLIC on this server, or let a superuser "
            "set the server's option credential_providers."
          : "Set neon_s3.access_key_id and neon_s3.secret_access_key in postgresql.conf, "
            "with neon_s3 in shared_preload_libraries, or give neon_s3 a user mapping or a "
            "credentials file.");
}

std::string_view EndpointFor(const Target& target, Reach reach) {
  const bool is_public = reach == Reach::kClient && !target.public_endpoint.empty();
  return is_public ? target.public_endpoint : target.endpoint;
}

Address AddressOf(const Target& target, const Endpoint& endpoint) {
  return ResolveAddress(endpoint, ParseAddressingStyle(target.addressing_style),
                        RequireBucket(target));
}

}  // namespace

Expiry ClampExpiry(const Destination& destination, std::int64_t expires_in,
                   std::int64_t signed_at) {
  const std::optional<std::int64_t>& expires_at = destination.expires_at;
  if (!expires_at || signed_at + expires_in <= *expires_at) return {expires_in, false};
  if (signed_at >= *expires_at) {
    throw Error(ErrorCode::kNoCredentials, "the S3 credentials have expired",
                "Renew them where neon_s3.credential_providers finds them.");
  }
  return {*expires_at - signed_at, true};
}

void WarnIfClamped(const Expiry& expiry) {
  if (!expiry.is_clamped) return;
  ereport(WARNING, (errcode(ERRCODE_WARNING),
                    errmsg("the URL expires with its credentials, in %lld seconds",
                           static_cast<long long>(expiry.seconds)),
                    errhint("Ask for less, or use credentials that live longer.")));
}

void AppendPublicUrl(const Target& target, const Address* address, std::string_view key,
                     std::string* out) {
  std::string_view base = target.public_url_base;
  if (!base.empty()) {
    while (base.back() == '/') base.remove_suffix(1);
    out->append(base).append("/");
    return AppendUriEncodedPath(key, out);
  }
  if (address != nullptr) return AppendObjectUrl(*address, key, out);
  const Endpoint endpoint = S3Endpoint(EndpointFor(target, Reach::kClient), target.region);
  AppendObjectUrl(AddressOf(target, endpoint), key, out);
}

Session& Session::Get() {
  static auto* session = new Session();
  return *session;
}

CredentialChain::Found Session::FindCredentials(const Target& target, std::int64_t now) {
  ChainRequest request;
  request.static_credentials = target.static_credentials;
  request.is_mapping = target.is_mapping;
  request.providers = target.credential_providers;
  request.credentials_file = target.credentials_file;
  // The default asks for no profile in particular: $AWS_PROFILE may name one, and none has to
  // exist.
  request.profile = target.profile == "default" ? std::string_view() : target.profile;
  request.region = target.region;
  request.role_arn = target.role_arn;
  request.external_id = target.external_id;
  request.role_session_name = target.role_session_name;
  const WaitEvent wait;
  const auto found = credentials_.Resolve(request, now, Interrupted);
  if (!found) RaiseNoCredentials(target);
  return *found;
}

const Destination& Session::Resolve(const Target& target, Reach reach) {
  Resolved& resolved = resolved_[static_cast<int>(reach)];
  Destination& destination = resolved.destination;
  const std::int64_t now = std::time(nullptr);
  const bool is_same = resolved.revision == target.revision && resolved.bucket == target.bucket &&
                       credentials_.StillFinds(resolved.ticket, now);
  if (is_same) return destination;

  // What can't be a name at all is refused before anything keeps it.
  if (target.bucket && target.bucket->size() > kMaxBucketBytes) ValidateBucketName(*target.bucket);
  resolved.revision = 0;  // it is nobody's unless all goes well
  const CredentialChain::Found found = FindCredentials(target, now);
  resolved.ticket = credentials_.ticket();
  destination.credentials = found.credentials;
  destination.expires_at = found.expires_at;
  destination.provider = found.provider;
  destination.region = RegionFor(target, found);
  destination.endpoint = S3Endpoint(EndpointFor(target, reach), destination.region);
  destination.bucket = target.bucket.value_or(target.default_bucket);
  if (reach == Reach::kClient) destination.address = AddressOf(target, destination.endpoint);
  resolved.bucket = target.bucket;
  resolved.revision = target.revision;
  return destination;
}

PresignRequest& Session::NewRequest(const FieldArgs& query, const FieldArgs& headers) {
  request_.Clear();
  for (const FieldArg& field : query) {
    AddQueryParameter(field.name, field.value, &request_.query);
  }
  for (const FieldArg& field : headers) {
    AddSignedHeader(field.name, field.value, &request_.headers);
  }
  return request_;
}

SignedUrl Session::Sign(PresignRequest* request, const SigningArgs& args) {
  if (args.key) ValidateObjectKey(*args.key);
  const Destination& destination = Resolve(*args.target, Reach::kClient);
  const Expiry expiry = ClampExpiry(destination, args.expires_in, args.signed_at);
  request->method = args.method;
  request->address = &destination.address;
  request->region = destination.region;
  request->key = args.key;
  request->expires_in = expiry.seconds;
  request->signed_at = args.signed_at;
  const PresignedUrl presigned = presigner_.Presign(*request, destination.credentials);
  CountPresigned(args.operation);
  return {presigned, expiry, &destination.address};
}

std::unique_ptr<S3Client> Session::TakeClient() {
  if (idle_clients_.empty()) return std::make_unique<S3Client>();
  std::unique_ptr<S3Client> client = std::move(idle_clients_.back());
  idle_clients_.pop_back();
  return client;
}

void Session::GiveBack(std::unique_ptr<S3Client> client) {
  if (idle_clients_.empty()) idle_clients_.push_back(std::move(client));
}

}  // namespace neon_s3

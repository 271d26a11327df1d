#include "pg/session.h"

#include <ctime>

#include "core/access_point.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/object_key.h"
#include "pg/boundary.h"
#include "pg/settings.h"
#include "pg/signed_log.h"
#include "pg/wait_event.h"

namespace neon_s3 {
namespace {

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

ChainRequest RequestOf(const Target& target) {
  ChainRequest request;
  request.static_credentials = target.static_credentials;
  request.is_mapping = target.is_mapping;
  request.providers = target.credential_providers;
  request.credentials_file = target.credentials_file;
  request.profile = target.profile;
  request.region = target.region;
  request.role_arn = target.role_arn;
  request.external_id = target.external_id;
  request.role_session_name = target.role_session_name;
  request.http_proxy = CurrentSettings().http_proxy;
  return request;
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

void ReportSigned(const Expiry& expiry) {
  LogSigned();
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
  AppendObjectUrl(Session::Get().PublicAddress(target), key, out);
}

Session& Session::Get() {
  static auto* session = new Session();
  return *session;
}

CredentialChain::Found Session::FindCredentials(const Target& target, std::int64_t now) {
  const WaitEvent wait;
  const auto found = credentials_.Resolve(RequestOf(target), now, Interrupted);
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
  resolved.revision = 0;  // so that an error leaves no valid entry
  const CredentialChain::Found found = FindCredentials(target, now);
  resolved.ticket = credentials_.ticket();
  destination.credentials = found.credentials;
  destination.expires_at = found.expires_at;
  destination.provider = found.provider;
  Location location = Locate(target, reach);
  destination.bucket = target.bucket.value_or(target.default_bucket);
  if (IsArn(destination.bucket)) {
    location.region = RegionOfBucket(location, Configuration(target), destination.bucket);
  }
  destination.region = std::move(location.region);
  destination.endpoint = std::move(location.endpoint);
  destination.addressing_style = location.addressing_style;
  if (reach == Reach::kClient) {
    destination.address =
        ResolveAddress(destination.endpoint, destination.addressing_style, RequireBucket(target));
  }
  resolved.bucket = target.bucket;
  resolved.revision = target.revision;
  return destination;
}

const StandardConfig& Session::Configuration(const Target& target) {
  return credentials_.Configuration(RequestOf(target));
}

Location Session::Locate(const Target& target, Reach reach) {
  return neon_s3::Locate({target.region, EndpointFor(target, reach), target.addressing_style},
                         Configuration(target));
}

Address Session::PublicAddress(const Target& target) {
  const Location location = Locate(target, Reach::kClient);
  return ResolveAddress(location.endpoint, location.addressing_style, RequireBucket(target));
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
  NoteSigned(
      {args.operation, args.method, destination.bucket, args.key, args.signed_at + expiry.seconds});
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

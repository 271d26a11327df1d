#include "pg/sign.h"

#include <ctime>

#include "core/error.h"
#include "core/object_key.h"
#include "pg/boundary.h"

namespace neon_s3 {

std::string_view RequireBucket(const Target& target) {
  const std::string_view bucket = target.bucket.value_or(target.default_bucket);
  if (!target.bucket && bucket.empty()) {
    throw Error(ErrorCode::kBadArgument, "no bucket is given",
                "Name one in the argument \"bucket\", or set neon_s3.bucket.");
  }
  ValidateBucketName(bucket);
  return bucket;
}

namespace {

CredentialChain::Found Find(BackendState& state, const Target& target, std::int64_t now) {
  ChainRequest request;
  request.static_credentials = target.static_credentials;
  request.providers = target.credential_providers;
  request.credentials_file = target.credentials_file;
  // The default asks for no profile in particular: $AWS_PROFILE may name one, and none has to
  // exist.
  request.profile = target.profile == "default" ? std::string_view() : target.profile;
  request.region = target.region;
  request.role_arn = target.role_arn;
  request.external_id = target.external_id;
  request.role_session_name = target.role_session_name;
  const auto found = state.credentials().Resolve(request, now, Cancelled);
  if (!found) {
    throw Error(ErrorCode::kNoCredentials, "no S3 credentials are found",
                "Set neon_s3.access_key_id and neon_s3.secret_access_key in postgresql.conf, with "
                "neon_s3 in shared_preload_libraries, or give neon_s3 a user mapping or a "
                "credentials file.");
  }
  return *found;
}

std::string_view RegionFor(const Target& target, const CredentialChain::Found& found) {
  if (target.region_is_set || found.region.empty()) return target.region;
  ValidateRegion(found.region);
  return found.region;
}

// No URL outlives its credentials.
Validity Clamp(const Credentials& credentials, std::string_view region,
               std::optional<std::int64_t> expires_at, std::int64_t expires_in,
               std::int64_t signed_at) {
  if (!expires_at || signed_at + expires_in <= *expires_at) {
    return {credentials, region, expires_in, false};
  }
  if (signed_at >= *expires_at) {
    throw Error(ErrorCode::kNoCredentials, "the S3 credentials have expired",
                "Renew them where neon_s3.credential_providers finds them.");
  }
  return {credentials, region, *expires_at - signed_at, true};
}

const Signer& FindSigner(BackendState& state, const Target& target) {
  Signer& signer = state.signer();
  const std::int64_t now = std::time(nullptr);
  const bool same = signer.target_revision == target.revision && signer.bucket == target.bucket &&
                    state.credentials().StillFinds(signer.ticket, now);
  if (same) return signer;

  signer.target_revision = 0;  // it is nobody's unless all goes well
  const CredentialChain::Found found = Find(state, target, now);
  signer.ticket = state.credentials().ticket();
  signer.credentials = found.credentials;
  signer.expires_at = found.expires_at;
  signer.region = RegionFor(target, found);
  signer.address = state.ResolveClientAddress(target, signer.region);
  signer.bucket = target.bucket;
  signer.target_revision = target.revision;
  ++signer.id;
  return signer;
}

}  // namespace

Validity FindCredentials(BackendState& state, const Target& target, std::int64_t expires_in,
                         std::int64_t signed_at) {
  const CredentialChain::Found found = Find(state, target, std::time(nullptr));
  Validity validity =
      Clamp(found.credentials, RegionFor(target, found), found.expires_at, expires_in, signed_at);
  validity.provider = found.provider;
  return validity;
}

void WarnIfClamped(const Validity& validity) {
  if (!validity.clamped) return;
  ereport(WARNING, (errcode(ERRCODE_WARNING),
                    errmsg("the URL expires with its credentials, in %lld seconds",
                           static_cast<long long>(validity.expires_in)),
                    errhint("Ask for less, or use credentials that live longer.")));
}

void BeginRequest(BackendState& state, const FieldArgs& query, const FieldArgs& headers) {
  Presigner& presigner = state.presigner();
  presigner.Begin();
  for (const FieldArg& field : query)
    AddQueryParameter(field.name, field.value, &presigner.query());
  for (const FieldArg& field : headers)
    AddSignedHeader(field.name, field.value, &presigner.headers());
}

SignedUrl SignRequest(BackendState& state, const SigningArgs& args) {
  if (args.key) ValidateObjectKey(*args.key);
  PresignRequest request;
  const Signer& signer = FindSigner(state, *args.target);
  const Validity validity =
      Clamp(signer.credentials, signer.region, signer.expires_at, args.expires_in, args.signed_at);
  request.method = args.method;
  request.address = &signer.address;
  request.signer = signer.id;
  request.region = signer.region;
  request.key = args.key;
  request.expires_in = validity.expires_in;
  request.signed_at = args.signed_at;
  const PresignedUrl presigned = state.presigner().Presign(request, validity.credentials);
  CountPresigned(args.operation);
  return {presigned, validity, request.address};
}

}  // namespace neon_s3

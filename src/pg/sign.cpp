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

Validity FindCredentials(BackendState& state, const Target& target, std::int64_t expires_in,
                         std::int64_t signed_at) {
  ChainRequest request;
  request.static_credentials = target.static_credentials;
  request.providers = target.credential_providers;
  request.credentials_file = target.credentials_file;
  // The default asks for no profile in particular: $AWS_PROFILE may name one, and none has to exist.
  request.profile = target.profile == "default" ? std::string_view() : target.profile;
  request.region = target.region;
  request.role_arn = target.role_arn;
  request.external_id = target.external_id;
  request.role_session_name = target.role_session_name;
  const auto found = state.credentials().Resolve(request, std::time(nullptr), Cancelled);
  if (!found) {
    throw Error(ErrorCode::kNoCredentials, "no S3 credentials are found",
                "Set neon_s3.access_key_id and neon_s3.secret_access_key in postgresql.conf, with "
                "neon_s3 in shared_preload_libraries, or give neon_s3 a user mapping or a "
                "credentials file.");
  }
  const bool of_profile = !target.region_is_set && !found->region.empty();
  if (of_profile) ValidateRegion(found->region);
  const std::string_view region = of_profile ? found->region : target.region;
  if (!found->expires_at || signed_at + expires_in <= *found->expires_at) {
    return {found->credentials, found->provider, region, expires_in, false};
  }
  if (signed_at >= *found->expires_at) {
    throw Error(ErrorCode::kNoCredentials, "the S3 credentials have expired",
                "Renew them where neon_s3.credential_providers finds them.");
  }
  return {found->credentials, found->provider, region, *found->expires_at - signed_at, true};
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
  for (const FieldArg& field : query) AddQueryParameter(field.name, field.value, &presigner.query());
  for (const FieldArg& field : headers) AddSignedHeader(field.name, field.value, &presigner.headers());
}

SignedUrl SignRequest(BackendState& state, const SigningArgs& args) {
  if (args.key) ValidateObjectKey(*args.key);
  PresignRequest request;
  const Validity validity = FindCredentials(state, *args.target, args.expires_in, args.signed_at);
  request.method = args.method;
  request.address = &state.ResolveClientAddress(*args.target, validity.region);
  request.region = validity.region;
  request.key = args.key;
  request.expires_in = validity.expires_in;
  request.signed_at = args.signed_at;
  return {state.presigner().Presign(request, validity.credentials), validity, request.address};
}

}  // namespace neon_s3

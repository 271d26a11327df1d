#include "pg/sign.h"

#include "core/error.h"
#include "core/object_key.h"
#include "pg/guc.h"

namespace neon_s3 {

Credentials RequireCredentials() {
  const Credentials credentials = StaticCredentials();
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorCode::kNoCredentials, "no S3 credentials are set",
                "Set neon_s3.access_key_id and neon_s3.secret_access_key in postgresql.conf, with "
                "neon_s3 in shared_preload_libraries.");
  }
  return credentials;
}

void BeginRequest(BackendState& state, const FieldArgs& query, const FieldArgs& headers) {
  Presigner& presigner = state.presigner();
  presigner.Begin();
  for (const FieldArg& field : query) AddQueryParameter(field.name, field.value, &presigner.query());
  for (const FieldArg& field : headers) AddSignedHeader(field.name, field.value, &presigner.headers());
}

PresignedUrl SignRequest(BackendState& state, const SigningArgs& args) {
  if (args.key) ValidateObjectKey(*args.key);
  PresignRequest request;
  request.method = args.method;
  request.address = &state.ResolveClientAddress(args.bucket);
  request.region = CurrentSettings().region;
  request.key = args.key;
  request.expires_in = args.expires_in;
  request.signed_at = args.signed_at;
  return state.presigner().Presign(request, RequireCredentials());
}

}  // namespace neon_s3

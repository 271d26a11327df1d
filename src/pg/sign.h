// Signing, as the SQL functions have it in common. C++'s regime.
#pragma once

#include "pg/args.h"
#include "pg/backend_state.h"

namespace neon_s3 {

// kNoCredentials where there are none.
Credentials RequireCredentials();

// What the caller adds to a request: begins a new one in the state's presigner. kBadArgument for what
// can't be signed.
void BeginRequest(BackendState& state, const FieldArgs& query, const FieldArgs& headers);

struct SigningArgs {
  std::string_view method;  // upper case
  OptionalText key;         // none: the bucket itself
  OptionalText bucket;      // none: neon_s3.bucket
  std::int64_t expires_in;  // seconds
  std::int64_t signed_at;   // seconds since 1970
};

// Signs the request that was begun. kNoCredentials where there are none, kBadArgument for the rest.
PresignedUrl SignRequest(BackendState& state, const SigningArgs& args);

}  // namespace neon_s3

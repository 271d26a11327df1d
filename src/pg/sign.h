// Signing, as the SQL functions have it in common.
#pragma once

#include "pg/activity.h"
#include "pg/args.h"
#include "pg/backend_state.h"
#include "pg/target.h"

namespace neon_s3 {

// What the target's credentials allow. Plain data.
struct Validity {
  Credentials credentials;
  std::string_view region;  // the target's, or that of the credentials' profile
  std::int64_t expires_in;  // seconds; less than asked for where the credentials end before
  bool clamped;
  Provider provider = Provider::kStatic;  // FindCredentials() tells it
};

// C++ side: the argument, else the default. kBadArgument where there is neither.
std::string_view RequireBucket(const Target& target);

// C++ side. kNoCredentials where no provider has any, or they have expired at `signed_at`.
Validity FindCredentials(BackendState& state, const Target& target, std::int64_t expires_in,
                         std::int64_t signed_at);

// Postgres side: the WARNING that belongs to a clamped expiry.
void WarnIfClamped(const Validity& validity);

// C++ side: begins a new request in the state's presigner, with what the caller adds to it.
// kBadArgument for what can't be signed.
void BeginRequest(BackendState& state, const FieldArgs& query, const FieldArgs& headers);

struct SigningArgs {
  Operation operation;      // is counted
  std::string_view method;  // upper case
  OptionalText key;         // none: the bucket itself
  const Target* target;
  std::int64_t expires_in;  // seconds
  std::int64_t signed_at;   // seconds since 1970
};

struct SignedUrl {
  PresignedUrl presigned;
  Validity validity;
  const Address* address;  // of the bucket; good as long as BackendState has it
};

// C++ side: signs the request that was begun.
SignedUrl SignRequest(BackendState& state, const SigningArgs& args);

}  // namespace neon_s3

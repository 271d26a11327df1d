// Which bucket where, and with whose credentials: the settings neon_s3.*, or a named server's over
// them. Postgres side.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/credentials.h"
#include "core/endpoint.h"
#include "pg/args.h"

namespace neon_s3 {

// Plain data, good until settings change or the transaction ends. Texts are empty where nothing is
// set.
struct Target {
  // Those of the same revision differ in `bucket` at most; never 0.
  std::uint64_t revision;
  OptionalText bucket;  // the argument; else default_bucket
  std::string_view default_bucket;
  std::string_view region;
  bool region_is_set;  // else a profile's region goes before it
  std::string_view endpoint;
  std::string_view public_endpoint;
  AddressingStyle addressing_style;

  std::string_view credential_providers;
  std::string_view credentials_file;
  std::string_view profile;
  std::string_view role_arn;
  std::string_view external_id;
  std::string_view role_session_name;
  Credentials static_credentials;
};

// `server`: a name in the server's encoding, "" for none, null for neon_s3.server. 42704 where
// there is no such server, 42501 without USAGE on it, 22023 where it is not one of neon_s3's.
Target ResolveTarget(const OptionalText& bucket, const OptionalText& server);
Target ResolveTarget(const OptionalText& bucket, const char* server);

// The arguments `bucket` and `server`, which follow one another in every function.
Target ReadTarget(ArgReader& args);

}  // namespace neon_s3

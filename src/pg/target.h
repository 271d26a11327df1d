// Which bucket where, and with whose credentials: the settings neon_s3.*, or a named server's over
// them. Postgres side, but for RequireBucket().
#pragma once

#include <cstdint>
#include <string_view>

#include "core/credentials.h"
#include "pg/args.h"

namespace neon_s3 {

// Plain data, good until settings change or the transaction ends. Texts are empty where nothing is
// set: environment and profile count then, and defaults last (Session::Locate()). option.h has the
// name of each.
struct Target {
  std::uint64_t revision;  // those of the same one differ in `bucket` at most; never 0
  OptionalText bucket;     // the argument; else default_bucket
  bool only_mappings;      // sign: a server without credential_providers

  std::string_view region;
  std::string_view default_bucket;
  std::string_view endpoint;
  std::string_view public_endpoint;
  std::string_view public_url_base;
  std::string_view addressing_style;

  std::string_view credential_providers;
  std::string_view credentials_file;
  std::string_view profile;
  std::string_view role_arn;
  std::string_view external_id;
  std::string_view role_session_name;
  Credentials static_credentials;
  bool is_mapping;  // static_credentials are those of a user mapping
};

// C++ side: the argument, else the default. kBadArgument if there is neither.
std::string_view RequireBucket(const Target& target);

}  // namespace neon_s3

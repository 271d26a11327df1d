// Named servers, read from the catalogs once. Postgres side.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pg/target.h"

namespace neon_s3 {

// A server's own options, and those of the current user's mapping (or else PUBLIC's) there. Data is
// null where an option is not set.
struct ServerOptions {
  std::string_view region, bucket, endpoint, public_endpoint;
  std::optional<AddressingStyle> addressing_style;
  std::string_view credential_providers, credentials_file, profile;
  std::string_view role_arn, external_id, role_session_name;
  Credentials mapping;
  bool trusted;  // a superuser owns it
};

struct NamedServer {
  ServerOptions options;
  // For ResolveTarget(): what it made of them, and of which settings; 0: of none yet.
  Target target;
  std::uint64_t settings_generation;
};

// The server of that name (in the server's encoding), as the current user may use it at this
// moment: 42704 where there is no such server, 42501 without USAGE on it, 22023 where it is not one
// of neon_s3's.
//
// Whatever is done to the server, its mappings, its rights, its owner or the user counts from the
// next call on, as with any other look into the catalogs. The texts stay until the transaction
// ends, even so; secrets are wiped then. The reference is good until the next call.
NamedServer& FindServer(std::string_view name);

}  // namespace neon_s3

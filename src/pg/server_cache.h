// Named servers, read from the catalogs once. Postgres side.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/target.h"

namespace neon_s3 {

struct NamedServer {
  // The server's own options, and those of the role's mapping (or else PUBLIC's) there. Data is
  // null where an option is not given.
  Target given;
  // For ResolveTarget(): what it made of them, and of which settings; 0: of none yet.
  Target target;
  std::uint64_t settings_generation;
};

// The server of that name (in the server's encoding), as `role` may use it at this moment: 42704 if
// there is no such server, 42501 without USAGE on it, 22023 if it is not one of neon_s3's.
//
// Whatever is done to the server, its mappings, its rights, its owner or the role counts from the
// next call on, as with any other look into the catalogs. The texts stay until the transaction
// ends, even so; secrets are wiped then. The reference is good until the next call.
NamedServer& FindServer(std::string_view name, Oid role);
// The same, whatever `role` may use: for what was recorded in its name when it might. InvalidOid:
// PUBLIC, with whose mapping it is as well.
NamedServer& FindServerUnchecked(std::string_view name, Oid role);

}  // namespace neon_s3

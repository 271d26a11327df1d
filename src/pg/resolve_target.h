// How a call's arguments `bucket` and `server`, servers and settings become a Target. Postgres
// side.
#pragma once

#include "pg/args.h"
#include "pg/target.h"

namespace neon_s3 {

// `server`: a name in the server's encoding, "" for none; nothing: neon_s3.server. As the current
// user may use it: 42704 if there is no such server, 42501 without USAGE on it, 22023 if it is not
// one of neon_s3's.
Target ResolveTarget(const OptionalText& bucket, const OptionalText& server);

// For what was recorded earlier in the name of `role`, who signs whoever calls, by the server's
// mapping for it, else PUBLIC's. `server` is in the server's encoding; "": the settings.
Target ResolveTargetFor(Oid role, std::string_view bucket, std::string_view server);

// What the server's own options and the user's mapping there give; the rest has null data.
Target OptionsOfServer(const OptionalText& server);

// The arguments `bucket` and `server`, which follow one another in every function.
Target ReadTarget(ArgReader& args);

}  // namespace neon_s3

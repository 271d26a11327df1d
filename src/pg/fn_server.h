// Ordinary roles can't change a server that superusers gave the database server's own
// credentials: the validator sees to what is set, a hook to what is dropped.
#pragma once

namespace neon_s3 {

// At load time.
void WatchServers();

}  // namespace neon_s3

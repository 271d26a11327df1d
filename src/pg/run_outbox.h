// Emptying the outbox without a CALL. Postgres side.
#pragma once

#include "pg/own_tables.h"

namespace neon_s3 {

// Deletes all that is due. Called outside of any transaction, it runs short ones of its own, and
// none while it waits for S3. 55000 where the database is fenced.
void RunOutboxOfWorker(const Extension& extension);

}  // namespace neon_s3

// Emptying the outbox without a CALL. Postgres side.
#pragma once

#include "pg/own_tables.h"

namespace neon_s3 {

// All that is due, outside of any transaction, in transactions of its own, with none while S3 is
// asked. 55000 where the database is fenced.
void RunOutboxOfWorker(const Extension& extension);

}  // namespace neon_s3

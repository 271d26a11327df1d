// Confirming what clients have uploaded, without their asking. Postgres side.
#pragma once

#include "pg/own_tables.h"

namespace neon_s3 {

// For the worker, outside of any transaction: looks for the objects of pending uploads, without a
// transaction, and records those that are as promised, each in a transaction of its own. The
// database is armed. `may_warn`: what is wrong goes to the log.
void ConfirmPendingUploads(const Extension& extension, bool may_warn);

}  // namespace neon_s3

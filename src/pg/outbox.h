// The outbox, as the transactions of users fill it, and the ledger. Postgres side, within
// SPI_connect().
#pragma once

#include "pg/governed.h"

namespace neon_s3 {

// Enqueues the objects of keys (texts) for deletion once this transaction has committed and
// neon_s3.delete_delay is over.
void EnqueueDeletes(const Extension& extension, const GovernedTable& table, Datum* keys, int count);

// For who inserts the key: takes its lock and cancels what is queued for it. 55006 where it is
// being deleted.
void CancelDeletes(const Extension& extension, const GovernedTable& table, const text* key);

// In a branch: records that the key was inserted here, and is not inherited.
void RecordInsert(const Extension& extension, const GovernedTable& table, const text* key);

}  // namespace neon_s3

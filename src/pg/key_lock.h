// Locks of object keys, which keep the claim of an outbox item and the insert of the same key apart
// (docs/lifecycle.md). Each stands for many keys, so that no transaction takes more than kKeyLocks
// of them. They last until the transaction ends. Postgres side.
#pragma once

#include "pg/pg.h"

namespace neon_s3 {

constexpr int kKeyLocks = 128;

// `key` is in the server's encoding and detoasted.
// For who inserts the key: others may insert it too.
void LockKeyForInsert(const text* key);
// For who claims an item of the key; others may claim, too. Returns false while a transaction that
// inserts such a key is open.
bool TryLockKeyForClaim(const text* key);

}  // namespace neon_s3

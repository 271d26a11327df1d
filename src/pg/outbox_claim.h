// The outbox, as who empties it sees it: items are claimed in one short transaction, and settled in
// another one. Postgres side, within SPI_connect() and with an active snapshot.
#pragma once

#include "pg/live_rows.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// What becomes of an item.
enum class Fate {
  kDelete,  // claimed: its object is to be deleted; if it stays so, it is pending again
  kBusy,    // an open transaction inserts its key: later
  kHasRow,  // its key is alive: forgotten
  kKept,    // a branch inherited its object
  kDeleted,
  kFailed,
};

// Texts are in the server's encoding.
struct OutboxItem {
  int64 id;
  text* key;
  Place place;
  const char* signs_as;
  int32 attempts;
  bool must_look;  // in a branch: the object may be older than the branch
  Fate fate;
  text* error;  // of kFailed
};

struct OutboxBatch {
  int taken;  // items that were due, those among them that are settled already included
  OutboxItem* items;
  int count;
  TimestampTz armed_at;
  TimestampTz lease_ends;
};

// Claims up to `most` items that are due, for `lease` microseconds, and settles those among them
// that are not to be deleted. 55000 where the database is fenced.
OutboxBatch ClaimItems(const Extension& extension, int most, int64 lease);

// Settles what was claimed, but for what somebody else has claimed meanwhile.
void SettleItems(const Extension& extension, const OutboxBatch& batch);

}  // namespace neon_s3

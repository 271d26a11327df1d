// What the ledger and the outbox know of many keys at once, for s3_gc. Postgres side, within
// SPI_connect().
#pragma once

#include "pg/live_rows.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// Of one key, at one place.
struct KeyState {
  bool is_issued;         // here, since arming
  bool is_pending;        // an upload of it is
  bool is_expired;        // at the time that was asked for
  TimestampTz inserted;   // not 0: it was inserted in a branch, not issued
  const text* upload_id;  // of a multipart upload
  bool is_queued;         // pending or running in the outbox
  bool is_dead, is_kept;  // or that
};

void LookUpKeys(const Extension& extension, const Place& place, TimestampTz armed_at,
                TimestampTz now, Datum* keys, int count, KeyState* states);

}  // namespace neon_s3

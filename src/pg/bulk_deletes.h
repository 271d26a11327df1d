// Items of the outbox that one statement enqueued by the thousand: rows of s3_bulk_deletes have the
// keys of many (docs/lifecycle.md). Whoever deals with one of them turns its row into items of
// s3_delete_queue first. Postgres side, within SPI_connect().
#pragma once

#include "pg/live_rows.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// From so many keys on it is worth while.
constexpr int kBulk = 1000;

// What the items of one statement have in common.
struct Enqueued {
  Place place;
  const char* signs_as;
  TimestampTz at, due;
};

void EnqueueBulk(const Extension& extension, const Enqueued& enqueued, const Datum* keys,
                 int count);

// Makes items of rows that are due and that nobody has locked, until there are as many as `wanted`.
// Returns how many there are.
int64 ExpandDue(const Extension& extension, int wanted);

// Makes items of the rows that have this key, of all that is committed now.
void ExpandKey(const Extension& extension, const text* key);

// is_queued[i]: whether a row has keys[i] of the place. Reads all rows that may have one.
void FindBulk(const Extension& extension, const Place& place, Datum* keys, int count,
              bool* is_queued);

}  // namespace neon_s3

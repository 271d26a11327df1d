// Which objects have rows in governed tables. Postgres side, within SPI_connect().
#pragma once

#include "pg/governed.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace neon_s3 {

// Where objects are, in the server's encoding; `server` null: where the settings say.
struct Place {
  const text* bucket;
  const text* server;
};

bool IsSamePlace(const Place& a, const Place& b);

// The tables that are recorded and exist, locked until the transaction ends, so that nobody who
// holds one of them waits for who looks for rows: call it before any other lock is taken.
List* LockRecordedTables(const Extension& extension);

// Whether tables were recorded meanwhile that are not in the list.
bool HasNewTables(const Extension& extension, List* tables);

// has_row[i]: whether one of those tables, with the place's endpoint and bucket, has a row of
// keys[i], as all stands that is committed now. As the tables' owners, without row-level security.
void FindLiveRows(List* tables, const Place& place, Datum* keys, int count, bool* has_row);

}  // namespace neon_s3

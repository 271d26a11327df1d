// The ledger of issued keys. Postgres side, within SPI_connect() but for FindIssued().
#pragma once

#include "pg/governed.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// What was promised; null or negative: nothing.
struct IssuedKey {
  const text* key;
  const text* content_type;
  int64 content_length;
  const bytea* checksum_sha256;
  const text* upload_id;
  int64 part_size;
  TimestampTz expires_at;
};

void RecordIssued(const Extension& extension, const GovernedTable& table, const IssuedKey& issued);

struct Issued {
  bool is_known;
  bool is_pending;
  bool is_inherited;  // by a branch: begun before it was armed
};

// With a snapshot of this moment.
Issued FindIssued(const Extension& extension, const GovernedTable& table, const text* key);

// False where it is not pending (any more).
bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key);

}  // namespace neon_s3

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

// In the current memory context.
struct Issued {
  bool is_known;
  bool is_pending;
  bool is_inherited;  // by a branch: begun before it was armed
  const text* bucket;
  const text* server;
  const text* content_type;
  int64 content_length;
  const bytea* checksum_sha256;
  const text* upload_id;  // null unless it is a multipart upload
  int64 part_size;
};

// With a snapshot of this moment.
Issued FindIssued(const Extension& extension, const GovernedTable& table, const text* key);

// 55000 for an upload that a branch inherited.
[[noreturn]] void RefuseInherited(const text* key);

// Keeps the upload until the URLs that are signed now end.
void ExtendUpload(const Extension& extension, const GovernedTable& table, const text* key,
                  TimestampTz expires_at);

// False where it is not pending (any more).
bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key);

}  // namespace neon_s3

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

// Pending uploads that were begun here since arming, in the order of (expires_at, key).
struct PendingUpload {
  const text* key;
  Oid files_table;
  TimestampTz expires_at;
  Issued issued;
};

struct PendingPage {
  PendingUpload* uploads;
  int count;
  bool is_last;
};

// Which of them.
struct PendingFilter {
  text* after_key;  // after this position; palloc()ed
  TimestampTz after;
  TimestampTz before;  // expires_at
  int32 table;         // negative: any
  double seldom_from;  // seconds of age from which on an upload is left out by chance, the more
                       // probably the older it is
};

// The next thousand at most, as all stands that is committed now; moves the filter on behind them.
PendingPage ReadPending(const Extension& extension, TimestampTz armed_at, PendingFilter* filter);

// Whether both are of the same table, bucket and server.
bool GoTogether(const PendingUpload& a, const PendingUpload& b);

// Moves the first of `waiting`, and all that go with it, into `group`. Returns how many; `count`
// becomes that of those that are left.
int TakeGroup(PendingUpload** waiting, int* count, PendingUpload** group);

// False where it is not pending (any more).
bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key);

}  // namespace neon_s3

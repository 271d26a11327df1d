#include "pg/outbox.h"

#include "pg/bulk_deletes.h"
#include "pg/compat.h"
#include "pg/settings.h"
#include "pg/identity.h"
#include "pg/key_lock.h"

extern "C" {
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- enqueueing

constexpr Oid kEnqueueTypes[] = {TEXTARRAYOID, TEXTOID,        TEXTOID,
                                 TEXTOID,      TIMESTAMPTZOID, TIMESTAMPTZOID};
OwnStatement enqueue(
    "INSERT INTO @.s3_delete_queue (object_key, bucket, server, signs_as, enqueued_at, "
    "next_attempt_at) SELECT k, $2, $3, $4, $5, $6 FROM pg_catalog.unnest($1) AS k",
    kEnqueueTypes);

// ---------------------------------------------------------------- cancelling

// Of s3_delete_queue.
enum Attribute {
  kId = 1,
  kObjectKey,
  kBucket,
  kServer,
  kSignsAs,
  kEnqueuedAt,
  kAttempts,
  kNextAttemptAt,
  kLastError,
  kState
};

bool IsSameText(Datum value, const text* other) {
  const text* mine = DatumGetTextPP(value);
  return VARSIZE_ANY_EXHDR(mine) == VARSIZE_ANY_EXHDR(other) &&
         memcmp(VARDATA_ANY(mine), VARDATA_ANY(other), VARSIZE_ANY_EXHDR(mine)) == 0;
}

bool IsState(Datum value, const char* state) {
  return strcmp(TextDatumGetCString(value), state) == 0;
}

[[noreturn]] void RefuseRunning(const text* key) {
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_IN_USE),
           errmsg("object \"%s\" is being deleted", TextDatumGetCString(PointerGetDatum(key))),
           errhint("Try again in a moment, or upload under another key.")));
  pg_unreachable();
}

// Whether the item is to be cancelled. 55006 where a drainer has it.
bool IsCancellable(TupleTableSlot* item, const GovernedTable& table, const text* key) {
  slot_getallattrs(item);
  const Datum* values = item->tts_values;
  const bool* nulls = item->tts_isnull;
  if (!IsSameText(values[kObjectKey - 1], key)) return false;
  if (!IsSameText(values[kBucket - 1], table.bucket)) return false;
  if (IsState(values[kState - 1], "kept")) return false;
  const bool is_leased = IsState(values[kState - 1], "running") &&
                         DatumGetTimestampTz(values[kNextAttemptAt - 1]) > GetCurrentTimestamp();
  if (is_leased) RefuseRunning(key);
  if (nulls[kServer - 1]) return table.server == nullptr;
  return table.server != nullptr && IsSameText(values[kServer - 1], table.server);
}

// The index is a hash index, so other keys may come along. 55006 as above.
bool FindItems(Relation queue, Relation index, Snapshot snapshot, const GovernedTable& table,
               const text* key) {
  ScanKeyData by_key;
  ScanKeyInit(&by_key, 1, HTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(key));
  IndexScanDesc scan = BeginIndexScan(queue, index, snapshot);
  index_rescan(scan, &by_key, 1, nullptr, 0);
  TupleTableSlot* slot = table_slot_create(queue, nullptr);
  bool found = false;
  while (index_getnext_slot(scan, ForwardScanDirection, slot)) {
    found = IsCancellable(slot, table, key) || found;
  }
  ExecDropSingleTupleTableSlot(slot);
  index_endscan(scan);
  return found;
}

// With all that is committed now, whatever the transaction's own snapshot.
bool HasItemsToCancel(const Extension& extension, const GovernedTable& table, const text* key) {
  Relation queue = table_open(OwnRelation(extension, "s3_delete_queue"), AccessShareLock);
  Relation index = index_open(OwnRelation(extension, "s3_delete_queue_key"), AccessShareLock);
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  const bool found = FindItems(queue, index, snapshot, table, key);
  UnregisterSnapshot(snapshot);
  index_close(index, AccessShareLock);
  table_close(queue, AccessShareLock);
  return found;
}

#define NEON_S3_ITEMS_OF_KEY                                                           \
  "q.object_key OPERATOR(pg_catalog.=) $1 AND q.bucket OPERATOR(pg_catalog.=) $2 AND " \
  "(q.server OPERATOR(pg_catalog.=) $3 OR q.server IS NULL AND $3 IS NULL) AND "       \
  "q.state OPERATOR(pg_catalog.<>) 'kept'::pg_catalog.text"

constexpr Oid kCancelTypes[] = {TEXTOID, TEXTOID, TEXTOID};
OwnStatement cancel("DELETE FROM @.s3_delete_queue q WHERE " NEON_S3_ITEMS_OF_KEY, kCancelTypes);

// Of keys that were not inserted here since arming.
constexpr Oid kKeepTypes[] = {TEXTOID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID};
OwnStatement keep_inherited(
    "UPDATE @.s3_delete_queue q SET state = 'kept' WHERE " NEON_S3_ITEMS_OF_KEY
    " AND NOT EXISTS (SELECT FROM @.s3_issued_keys i WHERE i.object_key OPERATOR(pg_catalog.=) $1 "
    "AND i.governed_table OPERATOR(pg_catalog.=) $4 AND i.begun_at OPERATOR(pg_catalog.>=) $5)",
    kKeepTypes);

// ---------------------------------------------------------------- the ledger of a branch

constexpr Oid kRecordTypes[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID};
OwnStatement record(
    "INSERT INTO @.s3_issued_keys (object_key, governed_table, bucket, server, pending, begun_at, "
    "begun_by) VALUES ($1, $2, $3, $4, false, $5, $6) ON CONFLICT (object_key, governed_table) DO "
    "NOTHING",
    kRecordTypes);

Datum OptionalDatum(const text* value) { return PointerGetDatum(value); }

}  // namespace

void EnqueueDeletes(const Extension& extension, const GovernedTable& table, Datum* keys,
                    int count) {
  if (count == 0) return;
  const TimestampTz now = GetCurrentTimestamp();
  const TimestampTz due = now + CurrentSettings().delete_delay * USECS_PER_SEC;
  const char* signs_as = GetUserNameFromId(table.owner, false);
  if (count >= kBulk) {
    EnqueueBulk(extension, {{table.bucket, table.server}, signs_as, now, due}, keys, count);
    return;
  }
  Datum values[] = {PointerGetDatum(construct_array(keys, count, TEXTOID, -1, false, TYPALIGN_INT)),
                    PointerGetDatum(table.bucket),
                    OptionalDatum(table.server),
                    CStringGetTextDatum(signs_as),
                    TimestampTzGetDatum(now),
                    TimestampTzGetDatum(due)};
  const char nulls[] = {' ', ' ', table.server == nullptr ? 'n' : ' ', ' ', ' ', ' '};
  enqueue.Execute(extension, values, nulls);
}

void CancelDeletes(const Extension& extension, const GovernedTable& table, const text* key) {
  LockKeyForInsert(key);
  ExpandKey(extension, key);
  if (!HasItemsToCancel(extension, table, key)) return;
  const Armed armed = ReadArmed(extension);
  Datum values[] = {PointerGetDatum(key), PointerGetDatum(table.bucket),
                    OptionalDatum(table.server), Int32GetDatum(table.id),
                    TimestampTzGetDatum(armed.armed_at)};
  const char nulls[] = {' ', ' ', table.server == nullptr ? 'n' : ' ', ' ', ' '};
  if (armed.as_branch) keep_inherited.ExecuteLatest(extension, values, nulls);
  cancel.ExecuteLatest(extension, values, nulls);
}

void RecordInsert(const Extension& extension, const GovernedTable& table, const text* key) {
  if (!ReadArmed(extension).as_branch) return;
  Datum values[] = {PointerGetDatum(key),
                    Int32GetDatum(table.id),
                    PointerGetDatum(table.bucket),
                    OptionalDatum(table.server),
                    TimestampTzGetDatum(GetCurrentTimestamp()),
                    CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};
  const char nulls[] = {' ', ' ', ' ', table.server == nullptr ? 'n' : ' ', ' ', ' '};
  record.Execute(extension, values, nulls);
}

}  // namespace neon_s3

#include "pg/bulk_deletes.h"

#include "pg/compat.h"
#include "pg/text_value.h"

extern "C" {
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- which row has a key

// Keys of a row have a hash in the same part of all hashes: one of 16 where there are few keys, one
// of 1,024 where there are many. Parts are numbered on from one division to the next.
struct Division {
  int bits;
  int first;
  int parts() const { return 1 << bits; }
};
constexpr Division kDivisions[] = {{4, 0}, {10, 16}};
constexpr int kMany = 16384;

// FNV-1a, of ASCII only: a dump may be restored with another encoding.
uint32 HashOf(const text* key) {
  uint32 hash = 2166136261U;
  for (const char c : TextView(key)) {
    if ((c & 0x80) == 0) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return hash * 0x9e3779b1U;
}

int PartOf(const text* key, const Division& division) {
  return division.first + static_cast<int>(HashOf(key) >> (32 - division.bits));
}

// ---------------------------------------------------------------- enqueueing

constexpr Oid kEnqueueTypes[] = {TEXTARRAYOID, INT4OID,        TEXTOID,       TEXTOID,
                                 TEXTOID,      TIMESTAMPTZOID, TIMESTAMPTZOID};
OwnStatement enqueue(
    "INSERT INTO @.s3_bulk_deletes (object_keys, part, bucket, server, signs_as, enqueued_at, "
    "due_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    kEnqueueTypes);

Datum ArrayOf(const Datum* keys, int count) {
  return PointerGetDatum(
      construct_array(const_cast<Datum*>(keys), count, TEXTOID, -1, false, TYPALIGN_INT));
}

void EnqueuePart(const Extension& extension, const Enqueued& enqueued, int part, const Datum* keys,
                 int count) {
  const Datum array = ArrayOf(keys, count);
  Datum values[] = {array,
                    Int32GetDatum(part),
                    PointerGetDatum(enqueued.place.bucket),
                    PointerGetDatum(enqueued.place.server),
                    CStringGetTextDatum(enqueued.signs_as),
                    TimestampTzGetDatum(enqueued.at),
                    TimestampTzGetDatum(enqueued.due)};
  const char nulls[] = {' ', ' ', ' ', enqueued.place.server == nullptr ? 'n' : ' ', ' ', ' ', ' '};
  enqueue.Execute(extension, values, nulls);
  pfree(DatumGetPointer(array));
}

// ---------------------------------------------------------------- expanding

#define NEON_S3_INTO_QUEUE                                                                 \
  "INSERT INTO @.s3_delete_queue (object_key, bucket, server, signs_as, enqueued_at, "     \
  "next_attempt_at) SELECT k, gone.bucket, gone.server, gone.signs_as, gone.enqueued_at, " \
  "gone.due_at FROM gone, pg_catalog.unnest(gone.object_keys) AS k"

constexpr Oid kDueTypes[] = {TIMESTAMPTZOID};
OwnStatement expand_due(
    "WITH due AS MATERIALIZED (SELECT id FROM @.s3_bulk_deletes WHERE due_at "
    "OPERATOR(pg_catalog.<=) $1 ORDER BY due_at LIMIT 4 FOR UPDATE SKIP LOCKED), gone AS (DELETE "
    "FROM @.s3_bulk_deletes b USING due WHERE b.id OPERATOR(pg_catalog.=) due.id RETURNING "
    "b.*) " NEON_S3_INTO_QUEUE,
    kDueTypes);

constexpr Oid kRowTypes[] = {INT8OID};
OwnStatement expand_row(
    "WITH gone AS (DELETE FROM @.s3_bulk_deletes b WHERE b.id OPERATOR(pg_catalog.=) $1 RETURNING "
    "b.*) " NEON_S3_INTO_QUEUE,
    kRowTypes);

// Of s3_bulk_deletes.
enum Attribute { kId = 1, kObjectKeys };

bool HasKey(Datum array, const text* key) {
  Datum* keys;
  bool* nulls;
  int count;
  ArrayType* all = DatumGetArrayTypeP(array);
  deconstruct_array(all, TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &count);
  bool has_key = false;
  for (int i = 0; i < count && !has_key; ++i) {
    has_key = IsSameText(DatumGetTextPP(keys[i]), key);
  }
  pfree(keys);
  pfree(nulls);
  if (DatumGetPointer(array) != reinterpret_cast<Pointer>(all)) pfree(all);
  return has_key;
}

// The ids of the part's rows that have the key, behind those of `ids`.
List* FindInPart(Relation bulk, Relation index, Snapshot snapshot, int part, const text* key,
                 List* ids) {
  ScanKeyData by_part;
  ScanKeyInit(&by_part, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(part));
  IndexScanDesc scan = BeginIndexScan(bulk, index, snapshot);
  index_rescan(scan, &by_part, 1, nullptr, 0);
  TupleTableSlot* slot = table_slot_create(bulk, nullptr);
  while (index_getnext_slot(scan, ForwardScanDirection, slot)) {
    bool is_null;
    if (!HasKey(slot_getattr(slot, kObjectKeys, &is_null), key)) continue;
    auto* id = static_cast<int64*>(palloc(sizeof(int64)));
    *id = DatumGetInt64(slot_getattr(slot, kId, &is_null));
    ids = lappend(ids, id);
  }
  ExecDropSingleTupleTableSlot(slot);
  index_endscan(scan);
  return ids;
}

List* FindRows(const Extension& extension, const text* key) {
  Relation bulk = table_open(OwnRelation(extension, "s3_bulk_deletes"), AccessShareLock);
  Relation index = index_open(OwnRelation(extension, "s3_bulk_deletes_part"), AccessShareLock);
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  List* ids = NIL;
  for (const Division& division : kDivisions) {
    ids = FindInPart(bulk, index, snapshot, PartOf(key, division), key, ids);
  }
  UnregisterSnapshot(snapshot);
  index_close(index, AccessShareLock);
  table_close(bulk, AccessShareLock);
  return ids;
}

// ---------------------------------------------------------------- looking many up

constexpr Oid kFindTypes[] = {TEXTARRAYOID, INT4ARRAYOID, TEXTOID, TEXTOID};
OwnStatement find(
    "SELECT k.n FROM @.s3_bulk_deletes b, pg_catalog.unnest(b.object_keys) AS queued JOIN "
    "pg_catalog.unnest($1) WITH ORDINALITY AS k (object_key, n) ON k.object_key "
    "OPERATOR(pg_catalog.=) queued WHERE b.part OPERATOR(pg_catalog.=) ANY ($2) AND b.bucket "
    "OPERATOR(pg_catalog.=) $3 AND (b.server OPERATOR(pg_catalog.=) $4 OR b.server IS NULL AND $4 "
    "IS NULL)",
    kFindTypes);

Datum PartsOf(const Datum* keys, int count) {
  auto* parts = static_cast<Datum*>(palloc(sizeof(Datum) * count * lengthof(kDivisions)));
  int next = 0;
  for (int i = 0; i < count; ++i) {
    for (const Division& division : kDivisions) {
      parts[next++] = Int32GetDatum(PartOf(DatumGetTextPP(keys[i]), division));
    }
  }
  return PointerGetDatum(construct_array(parts, next, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

}  // namespace

void EnqueueBulk(const Extension& extension, const Enqueued& enqueued, const Datum* keys,
                 int count) {
  const Division& division = kDivisions[count < kMany ? 0 : 1];
  auto* sorted = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  auto* parts = static_cast<int*>(palloc(sizeof(int) * count));
  auto* ends = static_cast<int*>(palloc0(sizeof(int) * (division.parts() + 1)));
  for (int i = 0; i < count; ++i) {
    parts[i] = PartOf(DatumGetTextPP(keys[i]), division) - division.first;
    ++ends[parts[i] + 1];
  }
  for (int part = 0; part < division.parts(); ++part) ends[part + 1] += ends[part];
  for (int i = 0; i < count; ++i) sorted[ends[parts[i]]++] = keys[i];
  for (int part = 0, begin = 0; part < division.parts(); begin = ends[part++]) {
    if (begin == ends[part]) continue;
    EnqueuePart(extension, enqueued, division.first + part, sorted + begin, ends[part] - begin);
  }
  pfree(sorted);
  pfree(parts);
  pfree(ends);
}

int64 ExpandDue(const Extension& extension, int wanted) {
  Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
  int64 expanded = 0;
  while (expanded < wanted) {
    const auto count = static_cast<int64>(expand_due.ExecuteLatest(extension, values));
    if (count == 0) break;
    expanded += count;
  }
  return expanded;
}

void ExpandKey(const Extension& extension, const text* key) {
  List* ids = FindRows(extension, key);
  ListCell* cell;
  foreach (cell, ids) {
    Datum values[] = {Int64GetDatum(*static_cast<int64*>(lfirst(cell)))};
    expand_row.ExecuteLatest(extension, values);
  }
  list_free_deep(ids);
}

void FindBulk(const Extension& extension, const Place& place, Datum* keys, int count,
              bool* is_queued) {
  for (int i = 0; i < count; ++i) is_queued[i] = false;
  if (count == 0) return;
  Datum values[] = {ArrayOf(keys, count), PartsOf(keys, count), PointerGetDatum(place.bucket),
                    PointerGetDatum(place.server)};
  const char nulls[] = {' ', ' ', ' ', place.server == nullptr ? 'n' : ' '};
  find.ExecuteLatest(extension, values, nulls);
  SPITupleTable* rows = SPI_tuptable;
  for (uint64 i = 0; i < rows->numvals; ++i) {
    bool is_null;
    is_queued[DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null)) - 1] = true;
  }
  SPI_freetuptable(rows);
}

}  // namespace neon_s3

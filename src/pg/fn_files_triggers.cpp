// s3_guard_files and s3_enqueue_deletes, the triggers of governed tables, and s3_governed_changed.
#include "pg/files_guard.h"
#include "pg/files_table.h"
#include "pg/outbox.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

namespace neon_s3 {
namespace {

bool IsSameText(const text* a, const text* b) {
  return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
         memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

const TriggerData& CheckTrigger(FunctionCallInfo fcinfo, const char* name) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("function \"%s\" was not called by a trigger", name)));
  }
  return *reinterpret_cast<TriggerData*>(fcinfo->context);
}

[[noreturn]] void RefuseEvent(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                  errmsg("trigger function \"%s\" was fired by another event than "
                         "s3_track_files creates it for",
                         name)));
  pg_unreachable();
}

// Null where the row has none.
const text* KeyOf(HeapTuple row, TupleDesc desc, AttrNumber column) {
  bool is_null;
  const Datum key = heap_getattr(row, column, desc, &is_null);
  return is_null ? nullptr : DatumGetTextPP(key);
}

// ---------------------------------------------------------------- what passes the guard

// Notes of the backend's own, which no SQL can write: of the INSERT that s3_begin_upload() runs
// now, and of the last row of a partition that was updated, where it may move to another one. Both
// are taken away by the row that they let pass.
ExpectedInsert expected_insert = {};

struct UpdatedRow {
  Oid partition;
  ItemPointerData tid;
};
UpdatedRow updated_row = {};

bool TakeExpectedInsert(Oid table, const text* key) {
  const ExpectedInsert& expected = expected_insert;
  if (expected.table != table || !IsSameText(expected.key, key)) return false;
  expected_insert = {};
  return true;
}

// PostgreSQL marks a row that an UPDATE moves to another partition before it inserts it there.
bool IsMarkedAsMoved(HeapTuple row) { return HeapTupleHeaderIndicatesMovedPartitions(row->t_data); }

// The key under which a row has been moved away in this transaction; null where none has.
const text* MovedKey(const UpdatedRow& row) {
  Relation partition = try_relation_open(row.partition, AccessShareLock);
  if (partition == nullptr) return nullptr;
  TupleDesc desc = RelationGetDescr(partition);
  TupleTableSlot* slot = table_slot_create(partition, nullptr);
  ItemPointerData tid = row.tid;
  const text* key = nullptr;
  if (ItemPointerGetBlockNumber(&tid) < RelationGetNumberOfBlocks(partition) &&
      table_tuple_fetch_row_version(partition, &tid, SnapshotAny, slot)) {
    bool must_free;
    HeapTuple tuple = ExecFetchSlotHeapTuple(slot, true, &must_free);
    const bool is_here = IsMarkedAsMoved(tuple) && TransactionIdIsCurrentTransactionId(
                                                       HeapTupleHeaderGetUpdateXid(tuple->t_data));
    if (is_here) key = KeyOf(heap_copytuple(tuple), desc, KeyColumn(desc));
  }
  ExecDropSingleTupleTableSlot(slot);
  relation_close(partition, AccessShareLock);
  return key;
}

const text* TakeMovedRow() {
  if (!OidIsValid(updated_row.partition)) return nullptr;
  const UpdatedRow row = updated_row;
  updated_row = {};
  return MovedKey(row);
}

// ---------------------------------------------------------------- refusals

[[noreturn]] void RefuseInsert(Relation relation) {
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("table \"%s\" is governed: only s3_begin_upload may insert into it",
                         RelationGetRelationName(relation)),
                  errhint("Roles that may execute s3_presign_get may insert any key.")));
  pg_unreachable();
}

[[noreturn]] void RefuseUpdate(Relation relation, const char* column) {
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("column \"%s\" of governed table \"%s\" cannot be updated", column,
                  RelationGetRelationName(relation)),
           errhint("Only roles that may execute s3_presign_get may change the key of a file, its "
                   "URL, or what was measured.")));
  pg_unreachable();
}

[[noreturn]] void RefuseCascade(Relation relation) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("a foreign key cannot change \"object_key\" of governed table \"%s\"",
                         RelationGetRelationName(relation)),
                  errhint("Declare the foreign key without ON UPDATE CASCADE, SET NULL or SET "
                          "DEFAULT.")));
  pg_unreachable();
}

void CheckMeasured(const TriggerData& trigger) {
  TupleDesc desc = RelationGetDescr(trigger.tg_relation);
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* column = TupleDescAttr(desc, i);
    if (column->attisdropped || !IsMeasuredColumn(NameStr(column->attname))) continue;
    bool is_null[2];
    const Datum before = heap_getattr(trigger.tg_trigtuple, i + 1, desc, &is_null[0]);
    const Datum after = heap_getattr(trigger.tg_newtuple, i + 1, desc, &is_null[1]);
    const bool same = is_null[0] || is_null[1]
                          ? is_null[0] == is_null[1]
                          : datum_image_eq(before, after, column->attbyval, column->attlen);
    if (!same) RefuseUpdate(trigger.tg_relation, NameStr(column->attname));
  }
}

// ---------------------------------------------------------------- the guard

// A row that comes to be in the table under this key.
void TakeKey(const Extension& extension, const GovernedTable& table, const text* key) {
  SPI_connect();
  CancelDeletes(extension, table, key);
  RecordInsert(extension, table, key);
  SPI_finish();
}

// The old key of a row that moved under another one: PostgreSQL fires no AFTER UPDATE trigger then.
void EnqueueKey(const Extension& extension, const GovernedTable& table, const text* key) {
  Datum keys[] = {PointerGetDatum(key)};
  SPI_connect();
  EnqueueDeletes(extension, table, keys, 1);
  SPI_finish();
}

void GuardInsert(const Extension& extension, const GovernedTable& table, const TriggerData& trigger,
                 bool is_trusted) {
  TupleDesc desc = RelationGetDescr(trigger.tg_relation);
  const text* key = KeyOf(trigger.tg_trigtuple, desc, KeyColumn(desc));
  const bool is_partition = trigger.tg_relation->rd_rel->relispartition;
  if (key == nullptr) {
    if (!is_trusted) RefuseInsert(trigger.tg_relation);
    return;
  }
  const text* moved = is_partition ? TakeMovedRow() : nullptr;
  if (moved != nullptr && IsSameText(moved, key)) return;  // the row keeps its object
  if (TakeExpectedInsert(table.relation, key)) return;     // new, so nothing is queued for it
  if (!is_trusted) RefuseInsert(trigger.tg_relation);
  if (moved != nullptr) EnqueueKey(extension, table, moved);
  TakeKey(extension, table, key);
}

void GuardUpdate(const Extension& extension, const GovernedTable& table, const TriggerData& trigger,
                 bool is_trusted) {
  TupleDesc desc = RelationGetDescr(trigger.tg_relation);
  const AttrNumber column = KeyColumn(desc);
  const text* before = KeyOf(trigger.tg_trigtuple, desc, column);
  const text* after = KeyOf(trigger.tg_newtuple, desc, column);
  const bool same =
      before != nullptr && after != nullptr ? IsSameText(before, after) : before == after;
  // As a foreign key's action runs: as the table's owner, whoever updated the other table.
  if (!same && InNoForceRLSOperation()) RefuseCascade(trigger.tg_relation);
  if (!is_trusted) {
    if (!same) RefuseUpdate(trigger.tg_relation, "object_key");
    CheckMeasured(trigger);
  }
  if (!same && after != nullptr) TakeKey(extension, table, after);
  updated_row = {};
  if (trigger.tg_relation->rd_rel->relkind == RELKIND_RELATION &&
      trigger.tg_relation->rd_rel->relispartition) {
    updated_row = {RelationGetRelid(trigger.tg_relation), trigger.tg_trigtuple->t_self};
  }
}

// ---------------------------------------------------------------- enqueueing

constexpr int kFetch = 10000;
// Of keys in memory.
constexpr int kMostKeys = 1 << 18;
constexpr Size kMostBytes = 32 << 20;

// False, with a warning, where deletes from the table mean nothing to the bucket.
bool IsEnqueued(const GovernedTable& table, Relation relation) {
  if (table.why_not == Ungoverned::kNo) return true;
  ereport(WARNING, (errcode(ERRCODE_WARNING),
                    errmsg("table \"%s\" is not governed: the objects of the rows that were "
                           "deleted remain",
                           RelationGetRelationName(relation)),
                    errhint("Let its owner, a role that may execute s3_presign_get, call "
                            "s3_track_files for it.")));
  return false;
}

// Keys that are enqueued when there are enough of them.
struct KeyBatch {
  const Extension* extension;
  const GovernedTable* table;
  MemoryContext context;  // of the keys
  Datum* keys;
  int count, room;
  Size bytes;
};

KeyBatch BeginBatch(const Extension& extension, const GovernedTable& table) {
  KeyBatch batch = {&extension, &table, nullptr, nullptr, 0, 64, 0};
  batch.context =
      AllocSetContextCreate(CurrentMemoryContext, "neon_s3 keys", ALLOCSET_DEFAULT_SIZES);
  batch.keys = static_cast<Datum*>(palloc(batch.room * sizeof(Datum)));
  return batch;
}

void Flush(KeyBatch* batch) {
  MemoryContext caller = MemoryContextSwitchTo(batch->context);
  EnqueueDeletes(*batch->extension, *batch->table, batch->keys, batch->count);
  MemoryContextSwitchTo(caller);
  MemoryContextReset(batch->context);
  batch->count = 0;
  batch->bytes = 0;
}

void Add(KeyBatch* batch, Datum key, bool is_null) {
  if (is_null) return;
  if (batch->count == batch->room) {
    batch->room *= 2;
    batch->keys = static_cast<Datum*>(repalloc(batch->keys, batch->room * sizeof(Datum)));
  }
  MemoryContext caller = MemoryContextSwitchTo(batch->context);
  text* copy = DatumGetTextPCopy(key);
  MemoryContextSwitchTo(caller);
  batch->keys[batch->count++] = PointerGetDatum(copy);
  batch->bytes += VARSIZE_ANY(copy);
  if (batch->count == kMostKeys || batch->bytes >= kMostBytes) Flush(batch);
}

void EnqueueOldTable(const TriggerData& trigger, KeyBatch* batch) {
  TupleDesc desc = RelationGetDescr(trigger.tg_relation);
  const AttrNumber column = KeyColumn(desc);
  Tuplestorestate* rows = trigger.tg_oldtable;
  tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
  tuplestore_rescan(rows);
  TupleTableSlot* slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
  while (tuplestore_gettupleslot(rows, true, false, slot)) {
    bool is_null;
    const Datum key = slot_getattr(slot, column, &is_null);
    Add(batch, key, is_null);
  }
  ExecDropSingleTupleTableSlot(slot);
  Flush(batch);
}

void EnqueueRow(const TriggerData& trigger, KeyBatch* batch) {
  if (TRIGGER_FIRED_BY_DELETE(trigger.tg_event) &&
      trigger.tg_relation->rd_rel->relkind == RELKIND_RELATION &&
      IsMarkedAsMoved(trigger.tg_trigtuple)) {
    return;
  }
  TupleDesc desc = RelationGetDescr(trigger.tg_relation);
  bool is_null;
  const Datum key = heap_getattr(trigger.tg_trigtuple, KeyColumn(desc), desc, &is_null);
  Add(batch, key, is_null);
  Flush(batch);
}

// All rows there are, whatever the transaction's snapshot: TRUNCATE removes them all.
void EnqueueTable(const TriggerData& trigger, KeyBatch* batch) {
  Relation relation = trigger.tg_relation;
  const char* table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                                 RelationGetRelationName(relation));
  const SavedRole saved = BecomeOwner(relation->rd_rel->relowner);
  PushActiveSnapshot(GetLatestSnapshot());
  Portal rows = SPI_cursor_open_with_args(nullptr, psprintf("SELECT object_key FROM %s", table), 0,
                                          nullptr, nullptr, nullptr, true, 0);
  for (SPI_cursor_fetch(rows, true, kFetch); SPI_processed > 0;
       SPI_cursor_fetch(rows, true, kFetch)) {
    SPITupleTable* fetched = SPI_tuptable;
    for (uint64 i = 0; i < fetched->numvals; ++i) {
      bool is_null;
      const Datum key = SPI_getbinval(fetched->vals[i], fetched->tupdesc, 1, &is_null);
      Add(batch, key, is_null);
    }
    SPI_freetuptable(fetched);
  }
  SPI_cursor_close(rows);
  PopActiveSnapshot();
  RestoreRole(saved);
  Flush(batch);
}

}  // namespace

ExpectedInsert ExpectInsert(const ExpectedInsert& insert) {
  const ExpectedInsert before = expected_insert;
  expected_insert = insert;
  return before;
}

NEON_S3_FUNCTION(neon_s3_guard_files);
Datum neon_s3_guard_files(PG_FUNCTION_ARGS) {
  const TriggerData& trigger = CheckTrigger(fcinfo, "s3_guard_files");
  if (!TRIGGER_FIRED_BEFORE(trigger.tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger.tg_event)) {
    RefuseEvent("s3_guard_files");
  }
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const Oid relation = RelationGetRelid(trigger.tg_relation);
  const GovernedTable table = FindGoverned(extension, relation);
  const bool is_trusted = IsTrusted(extension, GetUserId());
  const bool is_update = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event);
  HeapTuple row = is_update ? trigger.tg_newtuple : trigger.tg_trigtuple;
  if (table.why_not == Ungoverned::kNoRecord) {
    if (!is_trusted) RefuseUngoverned(relation, table.why_not);
    return PointerGetDatum(row);
  }
  if (is_update) {
    GuardUpdate(extension, table, trigger, is_trusted);
  } else if (TRIGGER_FIRED_BY_INSERT(trigger.tg_event)) {
    GuardInsert(extension, table, trigger, is_trusted);
  } else {
    RefuseEvent("s3_guard_files");
  }
  return PointerGetDatum(row);
}

NEON_S3_FUNCTION(neon_s3_enqueue_deletes);
Datum neon_s3_enqueue_deletes(PG_FUNCTION_ARGS) {
  const TriggerData& trigger = CheckTrigger(fcinfo, "s3_enqueue_deletes");
  const bool is_truncate = TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event);
  const bool is_row = TRIGGER_FIRED_FOR_ROW(trigger.tg_event);
  if (!is_truncate && !is_row && trigger.tg_oldtable == nullptr) RefuseEvent("s3_enqueue_deletes");
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = FindGoverned(extension, RelationGetRelid(trigger.tg_relation));
  if (!IsEnqueued(table, trigger.tg_relation)) return PointerGetDatum(nullptr);

  SPI_connect();
  KeyBatch batch = BeginBatch(extension, table);
  if (is_truncate) {
    EnqueueTable(trigger, &batch);
  } else if (is_row) {
    EnqueueRow(trigger, &batch);
  } else {
    EnqueueOldTable(trigger, &batch);
  }
  SPI_finish();
  return PointerGetDatum(nullptr);
}

NEON_S3_FUNCTION(neon_s3_governed_changed);
Datum neon_s3_governed_changed(PG_FUNCTION_ARGS) {
  const TriggerData& trigger = CheckTrigger(fcinfo, "s3_governed_changed");
  if (!TRIGGER_FIRED_FOR_ROW(trigger.tg_event)) RefuseEvent("s3_governed_changed");
  HeapTuple rows[] = {trigger.tg_trigtuple, trigger.tg_newtuple};
  for (HeapTuple row : rows) {
    if (row == nullptr) continue;
    bool is_null;
    const int column = SPI_fnumber(RelationGetDescr(trigger.tg_relation), "files_table");
    const Datum table = heap_getattr(row, column, RelationGetDescr(trigger.tg_relation), &is_null);
    if (!is_null && get_rel_name(DatumGetObjectId(table)) != nullptr) {
      CacheInvalidateRelcacheByRelid(DatumGetObjectId(table));
    }
  }
  return PointerGetDatum(nullptr);
}

}  // namespace neon_s3

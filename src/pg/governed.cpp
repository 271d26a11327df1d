#include "pg/governed.h"

#include "pg/compat.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- triggers

constexpr FilesTrigger kOrdinary[kFilesTriggers] = {
    {"s3_guard", "s3_guard_files",
     TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE,
     "BEFORE INSERT OR UPDATE ON %s FOR EACH ROW"},
    {"s3_enqueue_delete", "s3_enqueue_deletes", TRIGGER_TYPE_DELETE,
     "AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"},
    {"s3_enqueue_update", "s3_enqueue_deletes", TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE,
     "AFTER UPDATE ON %s FOR EACH ROW WHEN (old.object_key IS DISTINCT FROM new.object_key)"},
    {"s3_enqueue_truncate", "s3_enqueue_deletes", TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE,
     "BEFORE TRUNCATE ON %s FOR EACH STATEMENT"},
};

constexpr FilesTrigger kPartitioned[kFilesTriggers] = {
    kOrdinary[0],
    {"s3_enqueue_delete", "s3_enqueue_deletes", TRIGGER_TYPE_ROW | TRIGGER_TYPE_DELETE,
     "AFTER DELETE ON %s FOR EACH ROW"},
    kOrdinary[2],
    kOrdinary[3],
};

Oid TriggerFunction(const Extension& extension, const char* name) {
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                         PointerGetDatum(buildoidvector(nullptr, 0)),
                         ObjectIdGetDatum(extension.schema));
}

bool IsInForce(const Trigger& trigger, Oid function, const FilesTrigger& wanted) {
  const bool fires =
      trigger.tgenabled == TRIGGER_FIRES_ON_ORIGIN || trigger.tgenabled == TRIGGER_FIRES_ALWAYS;
  const bool is_update = wanted.type == kOrdinary[2].type;
  return fires && trigger.tgfoid == function && trigger.tgtype == wanted.type &&
         trigger.tgnattr == 0 && (trigger.tgqual != nullptr) == is_update;
}

bool HasTrigger(const Extension& extension, Relation relation, const FilesTrigger& wanted) {
  const Oid function = TriggerFunction(extension, wanted.function);
  const TriggerDesc* triggers = relation->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    if (IsInForce(triggers->triggers[i], function, wanted)) return true;
  }
  return false;
}

bool HasTriggers(const Extension& extension, Relation relation, bool is_partitioned) {
  for (int i = 0; i < kFilesTriggers; ++i) {
    const FilesTrigger& wanted = FilesTriggers(is_partitioned)[i];
    // Partitions have those for each row only.
    if (relation->rd_rel->relispartition && !TRIGGER_FOR_ROW(wanted.type)) continue;
    if (!HasTrigger(extension, relation, wanted)) return false;
  }
  return true;
}

bool PartitionsHaveTriggers(const Extension& extension, Oid relation) {
  ListCell* cell;
  foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr)) {
    Relation partition = relation_open(lfirst_oid(cell), NoLock);
    const bool has_all = HasTriggers(extension, partition, true);
    relation_close(partition, NoLock);
    if (!has_all) return false;
  }
  return true;
}

bool IsInherited(Relation relation) {
  return has_superclass(RelationGetRelid(relation)) ||
         (relation->rd_rel->relkind == RELKIND_RELATION &&
          find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL);
}

// All but the owner's rights, which no relation's invalidation tells about.
Ungoverned Judge(const Extension& extension, Relation relation) {
  const char kind = relation->rd_rel->relkind;
  const bool is_partitioned = kind == RELKIND_PARTITIONED_TABLE;
  if ((kind != RELKIND_RELATION && !is_partitioned) ||
      relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
    return Ungoverned::kKind;
  }
  if (IsInherited(relation)) return Ungoverned::kInheritance;
  const bool has_triggers = is_partitioned
                                ? PartitionsHaveTriggers(extension, RelationGetRelid(relation))
                                : HasTriggers(extension, relation, false);
  return has_triggers ? Ungoverned::kNo : Ungoverned::kTriggers;
}

// ---------------------------------------------------------------- records

enum Attribute { kId = 1, kFilesTable, kBucket, kServer, kKeyPrefix, kMaxSize, kContentTypes };

Datum* Deform(Relation table, HeapTuple tuple, bool* nulls) {
  TupleDesc desc = RelationGetDescr(table);
  auto* values = static_cast<Datum*>(palloc(desc->natts * sizeof(Datum)));
  heap_deform_tuple(tuple, desc, values, nulls);
  return values;
}

GovernedTable FromTuple(Relation table, HeapTuple tuple) {
  bool nulls[MaxHeapAttributeNumber];
  const Datum* values = Deform(table, tuple, nulls);
  GovernedTable record = {};
  record.relation = DatumGetObjectId(values[kFilesTable - 1]);
  record.id = DatumGetInt32(values[kId - 1]);
  record.bucket = DatumGetTextPCopy(values[kBucket - 1]);
  record.server = nulls[kServer - 1] ? nullptr : DatumGetTextPCopy(values[kServer - 1]);
  record.key_prefix = DatumGetTextPCopy(values[kKeyPrefix - 1]);
  record.max_size = nulls[kMaxSize - 1] ? -1 : DatumGetInt64(values[kMaxSize - 1]);
  record.content_types =
      nulls[kContentTypes - 1] ? nullptr : DatumGetArrayTypePCopy(values[kContentTypes - 1]);
  record.why_not = Ungoverned::kNo;
  return record;
}

// With a snapshot of this moment, as the catalogs are read: what is cached must not be older.
GovernedTable ReadRecord(const Extension& extension, Oid relation) {
  GovernedTable record = {};
  record.why_not = Ungoverned::kNoRecord;
  Relation table = table_open(OwnRelation(extension, "s3_governed_tables"), AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, kFilesTable, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  SysScanDesc scan = systable_beginscan(
      table, OwnRelation(extension, "s3_governed_tables_files_table_key"), true, nullptr, 1, &key);
  HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) record = FromTuple(table, tuple);
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  return record;
}

GovernedTable ReadFirstRecord(const Extension& extension, Oid relation) {
  GovernedTable record = ReadRecord(extension, relation);
  if (record.why_not == Ungoverned::kNo || !get_rel_relispartition(relation)) return record;
  ListCell* cell;
  foreach (cell, get_partition_ancestors(relation)) {
    record = ReadRecord(extension, lfirst_oid(cell));
    if (record.why_not == Ungoverned::kNo) break;
  }
  return record;
}

GovernedTable ReadAndJudge(const Extension& extension, Oid asked) {
  GovernedTable record = ReadFirstRecord(extension, asked);
  if (record.why_not != Ungoverned::kNo) return record;
  Relation relation = try_relation_open(record.relation, AccessShareLock);
  if (relation == nullptr) {  // it was dropped, its record stays
    record.why_not = Ungoverned::kNoRecord;
    return record;
  }
  record.why_not = Judge(extension, relation);
  relation_close(relation, AccessShareLock);
  return record;
}

// ---------------------------------------------------------------- the cache

struct CachedRecord {
  Oid relation;  // the key: what was asked for
  Oid schema;    // of the extension
  GovernedTable record;
};

uint64 generation = 1;         // bumped whenever anything in the relation cache is invalidated
uint64 cached_generation = 0;  // the one that all cached records are of
MemoryContext cache_context = nullptr;
HTAB* cache = nullptr;

void OnInvalidation(Datum, Oid) { ++generation; }

void StartCache() {
  if (cache_context == nullptr) {
    cache_context =
        AllocSetContextCreate(TopMemoryContext, "neon_s3 governed tables", ALLOCSET_SMALL_SIZES);
    CacheRegisterRelcacheCallback(OnInvalidation, 0);  // once: it needs no memory
  }
  MemoryContextReset(cache_context);
  cache = CreateHashTable("neon_s3 governed tables", 16, sizeof(Oid), sizeof(CachedRecord),
                          cache_context);
  cached_generation = generation;
}

text* CopyText(const text* value) {
  return value == nullptr ? nullptr : DatumGetTextPCopy(PointerGetDatum(value));
}

GovernedTable Copy(GovernedTable record) {
  record.bucket = CopyText(record.bucket);
  record.server = CopyText(record.server);
  record.key_prefix = CopyText(record.key_prefix);
  if (record.content_types != nullptr) {
    record.content_types = DatumGetArrayTypePCopy(PointerGetDatum(record.content_types));
  }
  return record;
}

// What is read while an invalidation arrives is not kept.
void Keep(const Extension& extension, Oid relation, const GovernedTable& record) {
  if (cached_generation != generation) return;
  cached_generation = 0;  // without memory for it, the cache starts anew
  const uint64 current = generation;
  auto* entry = static_cast<CachedRecord*>(hash_search(cache, &relation, HASH_ENTER, nullptr));
  MemoryContext caller = MemoryContextSwitchTo(cache_context);
  entry->record = Copy(record);
  MemoryContextSwitchTo(caller);
  entry->schema = extension.schema;
  cached_generation = current;
}

GovernedTable FindRecord(const Extension& extension, Oid relation) {
  if (cached_generation != generation) StartCache();
  const auto* entry = static_cast<CachedRecord*>(hash_search(cache, &relation, HASH_FIND, nullptr));
  if (entry != nullptr && entry->schema == extension.schema) return Copy(entry->record);
  const GovernedTable record = ReadAndJudge(extension, relation);
  Keep(extension, relation, record);
  return record;
}

const char* Reason(Ungoverned why_not) {
  switch (why_not) {
    case Ungoverned::kNoRecord:
      return "It is not tracked.";
    case Ungoverned::kKind:
      return "It is not a permanent table.";
    case Ungoverned::kInheritance:
      return "It inherits from another table, or another table inherits from it.";
    case Ungoverned::kTriggers:
      return "Triggers of neon_s3 are missing or disabled.";
    case Ungoverned::kOwner:
      return "Its owner may not execute s3_presign_get.";
    case Ungoverned::kNo:
      break;
  }
  return "";
}

}  // namespace

const FilesTrigger* FilesTriggers(bool is_partitioned) {
  return is_partitioned ? kPartitioned : kOrdinary;
}

GovernedTable FindGoverned(const Extension& extension, Oid relation) {
  GovernedTable table = FindRecord(extension, relation);
  if (table.why_not == Ungoverned::kNoRecord) return table;
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table.relation));
  if (!HeapTupleIsValid(tuple)) {
    table.why_not = Ungoverned::kNoRecord;
    return table;
  }
  table.owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  if (table.why_not == Ungoverned::kNo && !IsTrusted(extension, table.owner)) {
    table.why_not = Ungoverned::kOwner;
  }
  return table;
}

GovernedTable RequireGoverned(const Extension& extension, Oid relation) {
  const GovernedTable table = FindGoverned(extension, relation);
  if (table.why_not != Ungoverned::kNo) RefuseUngoverned(relation, table.why_not);
  if (table.relation != relation) RefuseUngoverned(relation, Ungoverned::kNoRecord);
  return table;
}

void RefuseUngoverned(Oid relation, Ungoverned why_not) {
  const char* name = get_rel_name(relation);
  if (name == nullptr) RefuseMissing(relation);
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("table \"%s\" is not governed", name), errdetail("%s", Reason(why_not)),
                  errhint("Let its owner, a role that may execute s3_presign_get, call "
                          "s3_track_files for it.")));
  pg_unreachable();
}

void RefuseMissing(Oid relation) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                  errmsg("relation with OID %u does not exist", relation)));
  pg_unreachable();
}

AttrNumber KeyColumn(TupleDesc table) {
  for (int i = 0; i < table->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(table, i);
    if (attribute->attisdropped || strcmp(NameStr(attribute->attname), "object_key") != 0) {
      continue;
    }
    const Oid type = getBaseType(attribute->atttypid);
    if (type == TEXTOID || type == VARCHAROID) return attribute->attnum;
  }
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("the files table has no column \"object_key\" of type text")));
  pg_unreachable();
}

}  // namespace neon_s3

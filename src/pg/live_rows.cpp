#include "pg/live_rows.h"

#include "pg/args.h"
#include "pg/boundary.h"
#include "pg/session.h"
#include "pg/resolve_target.h"
#include "pg/text_value.h"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace neon_s3 {
namespace {

struct RecordedTable {
  Oid relation;
  Oid owner;
  Place place;
};

OwnStatement recorded("SELECT files_table, bucket, server FROM @.s3_governed_tables");

bool IsTable(char kind) { return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE; }

// Returns false if it was dropped, or its OID is not that of a table.
bool Lock(Oid table, Oid* owner) {
  Relation relation = try_relation_open(table, AccessShareLock);
  if (relation == nullptr) return false;
  const char kind = relation->rd_rel->relkind;
  *owner = relation->rd_rel->relowner;
  relation_close(relation, NoLock);
  return IsTable(kind);
}

text* CopyText(Datum value, bool is_null) { return is_null ? nullptr : DatumGetTextPCopy(value); }

bool IsAmong(List* tables, Oid table) {
  ListCell* cell;
  foreach (cell, tables) {
    if (static_cast<RecordedTable*>(lfirst(cell))->relation == table) return true;
  }
  return false;
}

// ---------------------------------------------------------------- places

Target TargetOf(const text* server) { return ResolveTargetFor(InvalidOid, {}, TextView(server)); }

bool IsSameEndpoint(const text* a, const text* b) {
  const Target targets[] = {TargetOf(a), TargetOf(b)};
  bool is_same = false;
  Guard([&] {
    const Endpoint first = Session::Get().Locate(targets[0], Reach::kServer).endpoint;
    const Endpoint second = Session::Get().Locate(targets[1], Reach::kServer).endpoint;
    // A bucket's name is the same one in all of Amazon's regions.
    is_same = (first.is_aws() && second.is_aws()) ||
              (first.authority() == second.authority() && first.base_path == second.base_path);
  });
  return is_same;
}

// ---------------------------------------------------------------- rows

void MarkKey(const text* found, const Datum* keys, int count, bool* has_row) {
  for (int i = 0; i < count; ++i) {
    if (IsSameText(found, DatumGetTextPP(keys[i]))) has_row[i] = true;
  }
}

void MarkRows(const RecordedTable& table, Datum* keys, int count, bool* has_row) {
  const char* name = quote_qualified_identifier(
      get_namespace_name(get_rel_namespace(table.relation)), get_rel_name(table.relation));
  Oid types[] = {TEXTARRAYOID};
  Datum values[] = {
      PointerGetDatum(construct_array(keys, count, TEXTOID, -1, false, TYPALIGN_INT))};
  const SavedRole saved = BecomeOwner(table.owner);
  SPIPlanPtr plan = SPI_prepare(psprintf("SELECT object_key::pg_catalog.text FROM %s WHERE "
                                         "object_key OPERATOR(pg_catalog.=) ANY ($1)",
                                         name),
                                1, types);
  if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
  SPI_execute_snapshot(plan, values, nullptr, GetLatestSnapshot(), InvalidSnapshot, true, false, 0);
  RestoreRole(saved);
  for (uint64 i = 0; i < SPI_processed; ++i) {
    bool is_null;
    const Datum key = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
    MarkKey(DatumGetTextPP(key), keys, count, has_row);
  }
  SPI_freetuptable(SPI_tuptable);
  SPI_freeplan(plan);
}

}  // namespace

bool IsSamePlace(const Place& a, const Place& b) {
  if (!IsSameText(a.bucket, b.bucket)) return false;
  return IsSameText(a.server, b.server) || IsSameEndpoint(a.server, b.server);
}

List* LockRecordedTables(const Extension& extension) {
  recorded.ExecuteLatest(extension, nullptr);
  SPITupleTable* rows = SPI_tuptable;
  List* tables = NIL;
  for (uint64 i = 0; i < rows->numvals; ++i) {
    Datum values[3];
    bool nulls[3];
    heap_deform_tuple(rows->vals[i], rows->tupdesc, values, nulls);
    RecordedTable table = {};
    table.relation = DatumGetObjectId(values[0]);
    if (!Lock(table.relation, &table.owner)) continue;
    table.place = {CopyText(values[1], false), CopyText(values[2], nulls[2])};
    auto* kept = static_cast<RecordedTable*>(palloc(sizeof table));
    *kept = table;
    tables = lappend(tables, kept);
  }
  SPI_freetuptable(rows);
  return tables;
}

bool HasNewTables(const Extension& extension, List* tables) {
  recorded.ExecuteLatest(extension, nullptr);
  SPITupleTable* rows = SPI_tuptable;
  bool has_new = false;
  for (uint64 i = 0; i < rows->numvals; ++i) {
    bool is_null;
    const Oid table = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null));
    has_new = has_new || (!IsAmong(tables, table) && IsTable(get_rel_relkind(table)));
  }
  SPI_freetuptable(rows);
  return has_new;
}

void FindLiveRows(List* tables, const Place& place, Datum* keys, int count, bool* has_row) {
  for (int i = 0; i < count; ++i) has_row[i] = false;
  ListCell* cell;
  foreach (cell, tables) {
    const auto& table = *static_cast<RecordedTable*>(lfirst(cell));
    if (IsSamePlace(table.place, place)) MarkRows(table, keys, count, has_row);
  }
}

}  // namespace neon_s3

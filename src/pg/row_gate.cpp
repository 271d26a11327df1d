#include "pg/row_gate.h"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace neon_s3 {
namespace {

enum Gate { kSelect, kLock, kDelete };

constexpr const char* kStatements[] = {
    "SELECT object_key::pg_catalog.text FROM %s WHERE object_key OPERATOR(pg_catalog.=) $1",
    ("SELECT object_key::pg_catalog.text FROM %s WHERE object_key OPERATOR(pg_catalog.=) $1 "
     "FOR NO KEY UPDATE"),
    "DELETE FROM %s WHERE object_key OPERATOR(pg_catalog.=) $1",
};

// Of the table that was asked for last, until PostgreSQL's plan cache says that a plan is not valid
// any more; the role is the plan cache's matter, too.
struct KeptPlans {
  Oid table;
  SPIPlanPtr plans[lengthof(kStatements)];
};
KeptPlans kept = {};

const char* QualifiedName(Oid table) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
                                    get_rel_name(table));
}

SPIPlanPtr Prepare(Oid table, Gate gate) {
  Oid types[] = {TEXTOID};
  SPIPlanPtr plan = SPI_prepare_cursor(psprintf(kStatements[gate], QualifiedName(table)), 1, types,
                                       CURSOR_OPT_GENERIC_PLAN);
  if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
  return plan;
}

int running = 0;  // plans that run: while there are any, none is freed

void DropAll() {
  for (SPIPlanPtr& plan : kept.plans) {
    if (plan != nullptr) SPI_freeplan(plan);
    plan = nullptr;
  }
}

// Inlined, its variable would be one that longjmp clobbers, says g++ 16.
pg_noinline SPIPlanPtr FindPlan(Oid table, Gate gate) {
  SPIPlanPtr plan = kept.table == table ? kept.plans[gate] : nullptr;
  if (plan != nullptr && SPI_plan_is_valid(plan)) return plan;
  plan = Prepare(table, gate);
  if (running > 0) return plan;  // of a policy that asks for more: not kept
  if (kept.table != table) DropAll();
  if (kept.plans[gate] != nullptr) SPI_freeplan(kept.plans[gate]);
  kept.table = table;
  SPI_keepplan(plan);
  kept.plans[gate] = plan;
  return plan;
}

uint64 Run(Oid table, Gate gate, const text* key, bool read_only) {
  SPIPlanPtr plan = FindPlan(table, gate);
  Datum values[] = {PointerGetDatum(key)};
  ++running;
  PG_TRY();
  { SPI_execute_plan(plan, values, nullptr, read_only, 0); }
  PG_FINALLY();
  { --running; }
  PG_END_TRY();
  return SPI_processed;
}

// Equal to the column's type is not always equal to the object store.
bool HasKey(SPITupleTable* rows, uint64 count, const text* key) {
  for (uint64 i = 0; i < count; ++i) {
    bool is_null;
    const text* found = DatumGetTextPP(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null));
    if (VARSIZE_ANY_EXHDR(found) == VARSIZE_ANY_EXHDR(key) &&
        memcmp(VARDATA_ANY(found), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool SelectsRow(Oid table, const text* key) {
  const uint64 count = Run(table, kSelect, key, true);
  return HasKey(SPI_tuptable, count, key);
}

bool LocksRow(Oid table, const text* key) {
  const uint64 count = Run(table, kLock, key, false);
  return HasKey(SPI_tuptable, count, key);
}

bool DeletesRow(Oid table, const text* key) { return Run(table, kDelete, key, false) > 0; }

void RefuseRow(const text* key) {
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("file \"%s\" does not exist, or is not yours",
                         TextDatumGetCString(PointerGetDatum(key)))));
  pg_unreachable();
}

}  // namespace neon_s3

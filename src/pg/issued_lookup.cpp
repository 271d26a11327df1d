#include "pg/issued_lookup.h"

#include "pg/text_value.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

constexpr Oid kIssuedTypes[] = {TEXTARRAYOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
OwnStatement issued(
    "SELECT i.object_key, i.pending, i.expires_at OPERATOR(pg_catalog.<) $5, i.expires_at IS NULL, "
    "i.upload_id FROM @.s3_issued_keys i WHERE i.object_key OPERATOR(pg_catalog.=) ANY ($1) AND "
    "i.bucket OPERATOR(pg_catalog.=) $2 AND (i.server OPERATOR(pg_catalog.=) $3 OR i.server IS "
    "NULL AND $3 IS NULL) AND i.begun_at OPERATOR(pg_catalog.>=) $4",
    kIssuedTypes);

constexpr Oid kQueuedTypes[] = {TEXTARRAYOID, TEXTOID, TEXTOID};
OwnStatement queued(
    "SELECT q.object_key, q.state FROM @.s3_delete_queue q WHERE q.object_key "
    "OPERATOR(pg_catalog.=) ANY ($1) AND q.bucket OPERATOR(pg_catalog.=) $2 AND (q.server "
    "OPERATOR(pg_catalog.=) $3 OR q.server IS NULL AND $3 IS NULL)",
    kQueuedTypes);

// Calls `take(state, values, nulls)` for each row of the last statement, whose first column is a
// key.
template <typename Take>
void ForEachRow(Datum* keys, int count, KeyState* states, const Take& take) {
  SPITupleTable* rows = SPI_tuptable;
  for (uint64 row = 0; row < rows->numvals; ++row) {
    Datum values[5];
    bool nulls[5];
    heap_deform_tuple(rows->vals[row], rows->tupdesc, values, nulls);
    const text* key = DatumGetTextPP(values[0]);
    for (int i = 0; i < count; ++i) {
      if (IsSameText(DatumGetTextPP(keys[i]), key)) take(&states[i], values, nulls);
    }
  }
  SPI_freetuptable(rows);
}

}  // namespace

void LookUpKeys(const Extension& extension, const Place& place, TimestampTz armed_at,
                TimestampTz now, Datum* keys, int count, KeyState* states) {
  memset(states, 0, sizeof(KeyState) * count);
  if (count == 0) return;
  Datum values[] = {PointerGetDatum(construct_array(keys, count, TEXTOID, -1, false, TYPALIGN_INT)),
                    PointerGetDatum(place.bucket), PointerGetDatum(place.server),
                    TimestampTzGetDatum(armed_at), TimestampTzGetDatum(now)};
  const char nulls[] = {' ', ' ', place.server == nullptr ? 'n' : ' ', ' ', ' '};
  issued.ExecuteLatest(extension, values, nulls);
  ForEachRow(keys, count, states, [&](KeyState* state, const Datum* row, const bool* is_null) {
    state->is_issued = true;
    state->is_pending = DatumGetBool(row[1]);
    state->is_expired = !is_null[2] && DatumGetBool(row[2]);
    if (DatumGetBool(row[3])) state->inserted = armed_at;
    if (!is_null[4]) state->upload_id = DatumGetTextPCopy(row[4]);
  });
  queued.ExecuteLatest(extension, values, nulls);
  ForEachRow(keys, count, states, [](KeyState* state, const Datum* row, const bool*) {
    const char* name = TextDatumGetCString(row[1]);
    if (strcmp(name, "kept") == 0) {
      state->is_kept = true;
    } else if (strcmp(name, "dead") == 0) {
      state->is_dead = true;
    } else {
      state->is_queued = true;
    }
  });
}

}  // namespace neon_s3

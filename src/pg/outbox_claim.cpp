#include "pg/outbox_claim.h"

#include "core/delete_backoff.h"
#include "pg/bulk_deletes.h"
#include "pg/identity.h"
#include "pg/key_lock.h"
#include "pg/subtransaction.h"
#include "pg/text_value.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// An item whose key an open transaction inserts is looked at again after that time.
constexpr int64 kBusyPause = 2 * USECS_PER_SEC;

// ---------------------------------------------------------------- claiming

// In the terms of the index s3_delete_queue_due.
constexpr Oid kDueTypes[] = {TIMESTAMPTZOID, INT8OID};
OwnStatement due(
    "SELECT q.id, q.object_key, q.bucket, q.server, q.signs_as, q.attempts "
    "FROM @.s3_delete_queue q WHERE q.state OPERATOR(pg_catalog.=) ANY "
    "(ARRAY['pending'::pg_catalog.text, 'running'::pg_catalog.text]) AND q.next_attempt_at "
    "OPERATOR(pg_catalog.<=) $1 ORDER BY q.next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    kDueTypes);

OutboxItem ItemOf(SPITupleTable* rows, uint64 row) {
  Datum values[6];
  bool nulls[6];
  heap_deform_tuple(rows->vals[row], rows->tupdesc, values, nulls);
  OutboxItem item = {};
  item.id = DatumGetInt64(values[0]);
  item.key = DatumGetTextPCopy(values[1]);
  item.place = {DatumGetTextPCopy(values[2]), nulls[3] ? nullptr : DatumGetTextPCopy(values[3])};
  item.signs_as = TextDatumGetCString(values[4]);
  item.attempts = DatumGetInt32(values[5]);
  item.fate = TryLockKeyForClaim(item.key) ? Fate::kDelete : Fate::kBusy;
  return item;
}

OutboxBatch ReadDue(const Extension& extension, int most) {
  Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp()), Int64GetDatum(most)};
  const auto count = static_cast<int>(due.ExecuteLatest(extension, values));
  SPITupleTable* rows = SPI_tuptable;
  OutboxBatch batch = {};
  batch.count = count;
  batch.items = static_cast<OutboxItem*>(palloc(sizeof(OutboxItem) * (count + 1)));
  for (int i = 0; i < count; ++i) batch.items[i] = ItemOf(rows, i);
  SPI_freetuptable(rows);
  return batch;
}

void PutOffAll(const OutboxBatch& batch) {
  for (int i = 0; i < batch.count; ++i) batch.items[i].fate = Fate::kBusy;
}

// ---------------------------------------------------------------- what a branch inherited

#define NEON_S3_ISSUED_HERE                                                                    \
  "FROM @.s3_issued_keys i WHERE i.object_key OPERATOR(pg_catalog.=) q.object_key AND "        \
  "i.bucket OPERATOR(pg_catalog.=) q.bucket AND (i.server OPERATOR(pg_catalog.=) q.server OR " \
  "i.server IS NULL AND q.server IS NULL) AND i.begun_at OPERATOR(pg_catalog.>=) $2"

constexpr Oid kInheritedTypes[] = {INT8OID, TIMESTAMPTZOID};
OwnStatement inherited(
    "SELECT q.enqueued_at OPERATOR(pg_catalog.<) $2 OR NOT EXISTS (SELECT " NEON_S3_ISSUED_HERE
    ") OR EXISTS (SELECT FROM @.s3_delete_queue k WHERE k.object_key OPERATOR(pg_catalog.=) "
    "q.object_key AND k.bucket OPERATOR(pg_catalog.=) q.bucket AND (k.server "
    "OPERATOR(pg_catalog.=) q.server OR k.server IS NULL AND q.server IS NULL) AND k.state "
    "OPERATOR(pg_catalog.=) 'kept'::pg_catalog.text), NOT EXISTS (SELECT " NEON_S3_ISSUED_HERE
    " AND i.expires_at IS NOT NULL) FROM @.s3_delete_queue q WHERE q.id OPERATOR(pg_catalog.=) $1",
    kInheritedTypes);

void MarkInherited(const Extension& extension, const OutboxBatch& batch) {
  for (int i = 0; i < batch.count; ++i) {
    OutboxItem& item = batch.items[i];
    if (item.fate != Fate::kDelete) continue;
    Datum values[] = {Int64GetDatum(item.id), TimestampTzGetDatum(batch.armed_at)};
    if (inherited.ExecuteLatest(extension, values) == 0) continue;
    bool is_null;
    if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null))) {
      item.fate = Fate::kKept;
    }
    item.must_look =
        DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null));
    SPI_freetuptable(SPI_tuptable);
  }
}

// ---------------------------------------------------------------- live rows

void FailAll(OutboxItem** items, int count, const char* message) {
  for (int i = 0; i < count; ++i) {
    items[i]->fate = Fate::kFailed;
    items[i]->error = cstring_to_text(message);
  }
}

// Items of one place.
void MarkLive(List* tables, OutboxItem** items, int count) {
  auto* keys = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  auto* has_row = static_cast<bool*>(palloc(sizeof(bool) * count));
  for (int i = 0; i < count; ++i) keys[i] = PointerGetDatum(items[i]->key);
  SubtransactionError raised;
  const auto find = [&] { FindLiveRows(tables, items[0]->place, keys, count, has_row); };
  if (!TryInSubtransaction(find, &raised)) {
    FailAll(items, count, raised.message);
    return;
  }
  for (int i = 0; i < count; ++i) {
    if (has_row[i]) items[i]->fate = Fate::kHasRow;
  }
}

bool HasSameNames(const Place& a, const Place& b) {
  return IsSameText(a.bucket, b.bucket) && IsSameText(a.server, b.server);
}

void MarkLivePlaces(List* tables, const OutboxBatch& batch) {
  auto* is_done = static_cast<bool*>(palloc0(sizeof(bool) * (batch.count + 1)));
  auto** group = static_cast<OutboxItem**>(palloc(sizeof(OutboxItem*) * (batch.count + 1)));
  for (int first = 0; first < batch.count; ++first) {
    int count = 0;
    for (int i = first; i < batch.count; ++i) {
      OutboxItem& item = batch.items[i];
      if (is_done[i] || item.fate != Fate::kDelete) continue;
      if (count > 0 && !HasSameNames(item.place, group[0]->place)) continue;
      is_done[i] = true;
      group[count++] = &item;
    }
    if (count == 0) return;
    MarkLive(tables, group, count);
  }
}

// ---------------------------------------------------------------- settling

// $6: when the lease ends that must still be in force; null: the transaction has the items locked.
constexpr Oid kUpdateTypes[] = {INT8ARRAYOID,        TEXTARRAYOID, INT4ARRAYOID,
                                TIMESTAMPTZARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID};
OwnStatement update_items(
    "UPDATE @.s3_delete_queue q SET state = n.state, attempts = n.attempts, next_attempt_at = "
    "n.next_attempt_at, last_error = COALESCE(n.error, q.last_error) FROM ROWS FROM "
    "(pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), "
    "pg_catalog.unnest($5)) AS n (id, state, attempts, next_attempt_at, error) WHERE q.id "
    "OPERATOR(pg_catalog.=) n.id AND ($6 IS NULL OR q.state OPERATOR(pg_catalog.=) "
    "'running'::pg_catalog.text AND q.next_attempt_at OPERATOR(pg_catalog.=) $6)",
    kUpdateTypes);

constexpr Oid kRemoveTypes[] = {INT8ARRAYOID, TIMESTAMPTZOID};
OwnStatement remove_items(
    "DELETE FROM @.s3_delete_queue q WHERE q.id OPERATOR(pg_catalog.=) ANY ($1) AND ($2 IS NULL OR "
    "q.state OPERATOR(pg_catalog.=) 'running'::pg_catalog.text AND q.next_attempt_at "
    "OPERATOR(pg_catalog.=) $2)",
    kRemoveTypes);

struct NextState {
  const char* state;  // null: the item is removed
  int32 attempts;
  TimestampTz next_attempt_at;
};

NextState StateAfter(const OutboxItem& item, TimestampTz now) {
  switch (item.fate) {
    case Fate::kBusy:
      return {"pending", item.attempts, now + kBusyPause};
    case Fate::kKept:
      return {"kept", item.attempts, now};
    case Fate::kFailed: {
      const int attempts = item.attempts + 1;
      const double pause = DeleteBackoff(attempts, pg_prng_double(&pg_global_prng_state));
      return {attempts >= kMostAttempts ? "dead" : "pending", attempts,
              now + static_cast<int64>(pause * USECS_PER_SEC)};
    }
    case Fate::kDelete:
      return {"pending", item.attempts, now};
    case Fate::kHasRow:
    case Fate::kDeleted:
      break;
  }
  return {nullptr, 0, 0};
}

// Columns of items, to be written at once.
class ItemColumns {
 public:
  explicit ItemColumns(int most) : most_(most) {
    for (Datum*& column : columns_) column = Allocate<Datum>();
    no_error_ = Allocate<bool>();
  }

  void Add(const OutboxItem& item, const NextState& next) {
    columns_[0][count_] = Int64GetDatum(item.id);
    columns_[1][count_] = CStringGetTextDatum(next.state);
    columns_[2][count_] = Int32GetDatum(next.attempts);
    columns_[3][count_] = TimestampTzGetDatum(next.next_attempt_at);
    columns_[4][count_] = PointerGetDatum(item.error);
    no_error_[count_++] = item.error == nullptr;
  }

  void Write(const Extension& extension, const TimestampTz* lease_ends) {
    if (count_ == 0) return;
    Datum values[] = {
        Array(0, INT8OID), Array(1, TEXTOID),
        Array(2, INT4OID), Array(3, TIMESTAMPTZOID),
        Array(4, TEXTOID), TimestampTzGetDatum(lease_ends == nullptr ? 0 : *lease_ends)};
    const char nulls[] = {' ', ' ', ' ', ' ', ' ', lease_ends == nullptr ? 'n' : ' '};
    update_items.ExecuteLatest(extension, values, nulls);
  }

 private:
  template <typename T>
  T* Allocate() {
    return static_cast<T*>(palloc(sizeof(T) * (most_ + 1)));
  }

  Datum Array(int column, Oid type) {
    int16 size;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &size, &by_value, &alignment);
    int dimensions[] = {count_}, lower_bounds[] = {1};
    bool* nulls = column == 4 ? no_error_ : nullptr;
    return PointerGetDatum(construct_md_array(columns_[column], nulls, 1, dimensions, lower_bounds,
                                              type, size, by_value, alignment));
  }

  int most_;
  int count_ = 0;
  Datum* columns_[5];
  bool* no_error_;
};

void Remove(const Extension& extension, Datum* ids, int count, const TimestampTz* lease_ends) {
  if (count == 0) return;
  Datum values[] = {PointerGetDatum(construct_array(ids, count, INT8OID, sizeof(int64),
                                                    FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
                    TimestampTzGetDatum(lease_ends == nullptr ? 0 : *lease_ends)};
  const char nulls[] = {' ', lease_ends == nullptr ? 'n' : ' '};
  remove_items.ExecuteLatest(extension, values, nulls);
}

// `next(item)` says what is written of it.
template <typename Next>
void Write(const Extension& extension, const OutboxBatch& batch, const TimestampTz* lease_ends,
           const Next& next) {
  ItemColumns columns(batch.count);
  auto* removed = static_cast<Datum*>(palloc(sizeof(Datum) * (batch.count + 1)));
  int count = 0;
  for (int i = 0; i < batch.count; ++i) {
    const OutboxItem& item = batch.items[i];
    const NextState state = next(item);
    if (state.state != nullptr) {
      columns.Add(item, state);
    } else {
      removed[count++] = Int64GetDatum(item.id);
    }
  }
  Remove(extension, removed, count, lease_ends);
  columns.Write(extension, lease_ends);
}

void KeepClaimed(OutboxBatch* batch) {
  batch->taken = batch->count;
  batch->count = 0;
  for (int i = 0; i < batch->taken; ++i) {
    if (batch->items[i].fate == Fate::kDelete) batch->items[batch->count++] = batch->items[i];
  }
}

}  // namespace

OutboxBatch ClaimItems(const Extension& extension, int most, int64 lease) {
  const Armed armed = RequireArmed(extension);
  List* tables = LockRecordedTables(extension);
  OutboxBatch batch = ReadDue(extension, most);
  if (batch.count < most && ExpandDue(extension, most - batch.count) > 0) {
    batch = ReadDue(extension, most);
  }
  batch.armed_at = armed.armed_at;
  // A table that was tracked between the two may have rows of these keys.
  if (HasNewTables(extension, tables)) PutOffAll(batch);
  if (armed.as_branch) MarkInherited(extension, batch);
  MarkLivePlaces(tables, batch);
  const TimestampTz now = GetCurrentTimestamp();
  batch.lease_ends = now + lease;
  Write(extension, batch, nullptr, [&](const OutboxItem& item) {
    if (item.fate != Fate::kDelete) return StateAfter(item, now);
    return NextState{"running", item.attempts, batch.lease_ends};
  });
  KeepClaimed(&batch);
  return batch;
}

void SettleItems(const Extension& extension, const OutboxBatch& batch) {
  const TimestampTz now = GetCurrentTimestamp();
  Write(extension, batch, &batch.lease_ends,
        [&](const OutboxItem& item) { return StateAfter(item, now); });
}

}  // namespace neon_s3

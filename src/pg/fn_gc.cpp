// s3_gc: what differs between a governed table and its bucket.
#include "net/bucket_listing.h"
#include "net/multipart.h"
#include "pg/bulk_deletes.h"
#include "pg/confirm.h"
#include "pg/identity.h"
#include "pg/issued_lookup.h"
#include "pg/new_upload.h"
#include "pg/outbox.h"
#include "pg/result.h"
#include "pg/row_gate.h"
#include "pg/s3_call.h"
#include "pg/subtransaction.h"
#include "pg/text_value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- one run

struct Run {
  FunctionCallInfo fcinfo;
  Extension extension;
  GovernedTable table;
  Armed armed;
  Target target;
  Place place;
  List* tables;
  TimestampTz started_at;
  TimestampTz cutoff;  // younger objects are left alone
  bool dry_run;
};

void Tell(const Run& run, const char* kind, Datum key, std::int64_t size, const char* action) {
  Row row;
  row.Text(kind);
  row.Add(key, false);
  row.BigIntOrNull(size);
  row.Text(action);
  row.Put(run.fcinfo);
}

// Returns false where the server gave no time: such objects are left alone.
bool IsOld(const Run& run, const std::optional<std::int64_t>& unix_time) {
  constexpr int64 kEpochs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
  return unix_time && *unix_time - kEpochs < run.cutoff;
}

// The key in the server's encoding; `is_exact` is false where that has other characters.
Datum KeyDatum(std::string_view utf8, bool* is_exact) {
  const Datum key = LossyTextDatum(utf8);
  *is_exact = Utf8(DatumGetTextPP(key)) == utf8;
  return key;
}

const BucketListing& ListAll(const Run& run) {
  S3Call& call = S3Call::Begin(Operation::kGc, {}, run.target);
  auto& listing = Owned<BucketListing>();
  call.Run([&](S3Client& s3) { ListBucket(s3, call.bucket(), &listing); });
  call.Finish();
  return listing;
}

// ---------------------------------------------------------------- expired uploads

// Deletes as the owner, the row first, then the ledger. Returns false if there was no row, or the
// upload has ended meanwhile.
bool RemoveRow(const Run& run, const text* key) {
  const SavedRole saved = BecomeOwner(run.table.owner);
  const bool was_there = LocksRow(run.table.relation, key);
  const bool was_pending = SettleUpload(run.extension, run.table, key);
  if (was_there && was_pending) DeletesRow(run.table.relation, key);
  RestoreRole(saved);
  return was_there && was_pending;
}

// Null where there is nothing to tell. `kept`: the object, if it is as promised.
const char* EndUpload(const Run& run, const text* key, const Found* kept) {
  bool was_there = false;
  SubtransactionError raised;
  const auto end = [&] {
    was_there = kept == nullptr ? RemoveRow(run, key)
                                : RecordConfirmed(run.extension, run.table, key, *kept);
  };
  if (!TryInSubtransaction(end, &raised)) {
    if (ERRCODE_TO_CATEGORY(raised.sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION) {
      return "blocked";
    }
    ereport(ERROR, (errcode(raised.sqlerrcode), errmsg_internal("%s", raised.message)));
  }
  if (!was_there) return nullptr;
  return kept != nullptr ? "confirmed" : "removed";
}

void SettleExpired(const Run& run, const PendingUpload& upload, const Sighting& sighting) {
  if (sighting.error) Guard([&] { throw *sighting.error; });
  const bool is_old = sighting.is_there ? IsOld(run, sighting.found.object.last_modified)
                                        : upload.expires_at < run.cutoff;
  if (!is_old) return;
  const bool is_kept = sighting.is_there && sighting.found.difference.empty();
  const char* action =
      run.dry_run ? "reported" : EndUpload(run, upload.key, is_kept ? &sighting.found : nullptr);
  if (action == nullptr) return;
  Tell(run, "expired_upload", PointerGetDatum(upload.key),
       sighting.is_there ? sighting.found.object.size.value_or(-1) : -1, action);
}

void SettlePage(const Run& run, const PendingPage& page) {
  const Size size = sizeof(PendingUpload*) * (page.count + 1);
  auto** waiting = static_cast<PendingUpload**>(palloc(size));
  auto** group = static_cast<PendingUpload**>(palloc(size));
  int left = page.count;
  for (int i = 0; i < left; ++i) {
    waiting[i] = &page.uploads[i];
    waiting[i]->issued.upload_id = nullptr;  // what nobody confirmed in time is not completed
  }
  while (left > 0) {
    const int count = TakeGroup(waiting, &left, group);
    const Issued& first = group[0]->issued;
    const Target target = OwnersTarget(run.table.owner, first.bucket, first.server);
    const std::vector<Sighting>& sightings =
        FindObjects(Operation::kGc, target, &PrepareSearch(group, count));
    for (int i = 0; i < count; ++i) SettleExpired(run, *group[i], sightings[i]);
  }
}

void SettleAllExpired(const Run& run) {
  PendingFilter filter = {};
  filter.after = DT_NOBEGIN;
  filter.after_key = cstring_to_text("");
  filter.before = run.started_at;
  filter.table = run.table.id;
  filter.seldom_from = get_float8_infinity();
  ScratchMemory memory;
  for (PendingPage page = {}; !page.is_last;) {
    memory.Enter();
    page = ReadPending(run.extension, run.armed.armed_at, &filter);
    SettlePage(run, page);
    memory.Leave();
  }
}

// ---------------------------------------------------------------- objects

constexpr int kChunk = 1000;

// Some keys of the bucket's, and what is known of them.
struct Chunk {
  int count;
  std::size_t at[kChunk];  // in the listing
  Datum keys[kChunk];
  bool is_exact[kChunk];
  bool has_row[kChunk];
  KeyState states[kChunk];
};

void LookUp(const Run& run, Chunk* chunk) {
  FindLiveRows(run.tables, run.place, chunk->keys, chunk->count, chunk->has_row);
  LookUpKeys(run.extension, run.place, run.armed.armed_at, run.started_at, chunk->keys,
             chunk->count, chunk->states);
}

// Null where there is nothing to tell.
const char* ActionFor(const Run& run, const ListedObject& object, const Chunk& chunk, int i) {
  if (!chunk.is_exact[i]) return "foreign";
  const KeyState& state = chunk.states[i];
  if (chunk.has_row[i] || state.is_queued) return nullptr;
  const std::optional<std::int64_t>& modified = object.last_modified;
  constexpr int64 kEpochs = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
  const bool is_older = state.inserted != 0 && *modified - kEpochs < state.inserted;
  if (!state.is_issued || state.is_kept || is_older) return "foreign";
  return run.dry_run || state.is_dead ? "reported" : "removed";
}

// Those whose deletes were enqueued by the thousand.
void MarkBulk(const Run& run, const BucketListing& listing, Chunk* chunk) {
  Datum keys[kChunk];
  bool is_queued[kChunk];
  int at[kChunk];
  int count = 0;
  for (int i = 0; i < chunk->count; ++i) {
    if (ActionFor(run, listing.objects[chunk->at[i]], *chunk, i) == nullptr) continue;
    keys[count] = chunk->keys[i];
    at[count++] = i;
  }
  FindBulk(run.extension, run.place, keys, count, is_queued);
  for (int i = 0; i < count; ++i) {
    if (is_queued[i]) chunk->states[at[i]].is_queued = true;
  }
}

void JudgeObjects(const Run& run, const BucketListing& listing, Chunk* chunk) {
  LookUp(run, chunk);
  MarkBulk(run, listing, chunk);
  Datum removed[kChunk];
  int count = 0;
  for (int i = 0; i < chunk->count; ++i) {
    const ListedObject& object = listing.objects[chunk->at[i]];
    const char* action = ActionFor(run, object, *chunk, i);
    if (action == nullptr) continue;
    if (strcmp(action, "removed") == 0) removed[count++] = chunk->keys[i];
    Tell(run, "object_without_row", chunk->keys[i], object.size, action);
  }
  EnqueueDeletes(run.extension, run.table, removed, count);
  chunk->count = 0;
}

void JudgeAllObjects(const Run& run, const BucketListing& listing, Chunk* chunk) {
  ScratchMemory memory;
  memory.Enter();
  for (std::size_t i = 0; i < listing.objects.size(); ++i) {
    const ListedObject& object = listing.objects[i];
    if (!IsOld(run, object.last_modified)) continue;
    chunk->at[chunk->count] = i;
    chunk->keys[chunk->count] = KeyDatum(object.key, &chunk->is_exact[chunk->count]);
    if (++chunk->count < kChunk) continue;
    JudgeObjects(run, listing, chunk);
    memory.Leave();
    memory.Enter();
  }
  JudgeObjects(run, listing, chunk);
  memory.Leave();
}

// ---------------------------------------------------------------- rows

bool IsListed(const BucketListing& listing, const text* key) {
  const std::string_view utf8 = Utf8(key);
  bool is_listed = false;
  Guard([&] { is_listed = listing.keys.count(utf8) > 0; });
  return is_listed;
}

void JudgeRows(const Run& run, const BucketListing& listing, Chunk* chunk) {
  SPITupleTable* rows = SPI_tuptable;
  for (uint64 i = 0; i < rows->numvals; ++i) {
    bool is_null;
    const Datum key = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null);
    if (is_null || IsListed(listing, DatumGetTextPP(key))) continue;
    chunk->keys[chunk->count++] = PointerGetDatum(DatumGetTextPCopy(key));
  }
  SPI_freetuptable(rows);
  if (chunk->count == 0) return;
  LookUp(run, chunk);
  for (int i = 0; i < chunk->count; ++i) {
    const KeyState& state = chunk->states[i];
    if (!chunk->has_row[i] || state.is_pending) continue;
    const bool is_inherited = run.armed.as_branch && !state.is_issued;
    Tell(run, "row_without_object", chunk->keys[i], -1, is_inherited ? "inherited" : "reported");
  }
  chunk->count = 0;
}

// Rows that the calling statement sees: it began before the listing did.
void JudgeAllRows(const Run& run, const BucketListing& listing, Chunk* chunk) {
  const Oid table = run.table.relation;
  const char* name =
      quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
  const SavedRole saved = BecomeOwner(run.table.owner);
  Portal rows = SPI_cursor_open_with_args(
      nullptr, psprintf("SELECT object_key::pg_catalog.text FROM %s", name), 0, nullptr, nullptr,
      nullptr, true, 0);
  ScratchMemory memory;
  for (SPI_cursor_fetch(rows, true, kChunk); SPI_processed > 0;
       SPI_cursor_fetch(rows, true, kChunk)) {
    memory.Enter();
    JudgeRows(run, listing, chunk);
    memory.Leave();
  }
  SPI_cursor_close(rows);
  RestoreRole(saved);
}

// ---------------------------------------------------------------- multipart uploads

void Abort(const Run& run, const ListedUpload& upload) {
  S3Call& call = S3Call::Begin(Operation::kGc, upload.key, run.target);
  call.Run([&](S3Client& s3) {
    try {
      AbortUpload(s3, call.bucket(), upload.key, upload.upload_id);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;  // it has ended meanwhile
    }
  });
  call.Finish();
}

void JudgeUpload(const Run& run, const ListedUpload& upload) {
  bool is_exact;
  Datum key = KeyDatum(upload.key, &is_exact);
  KeyState state = {};
  LookUpKeys(run.extension, run.place, run.armed.armed_at, run.started_at, &key, 1, &state);
  const bool is_ours = is_exact && state.upload_id != nullptr &&
                       Utf8(state.upload_id) == std::string_view(upload.upload_id);
  if (!is_ours) {
    Tell(run, "abandoned_multipart", key, -1, "foreign");
    return;
  }
  // Of an upload under way, or one whose row a foreign key holds.
  if (state.is_pending && (!state.is_expired || !run.dry_run)) return;
  if (!run.dry_run) Abort(run, upload);
  Tell(run, "abandoned_multipart", key, -1, run.dry_run ? "reported" : "aborted");
}

void JudgeAllUploads(const Run& run, const BucketListing& listing) {
  ScratchMemory memory;
  for (const ListedUpload& upload : listing.uploads) {
    if (!IsOld(run, upload.initiated)) continue;
    memory.Enter();
    JudgeUpload(run, upload);
    memory.Leave();
  }
}

// ---------------------------------------------------------------- the ledger

constexpr Oid kForgetTypes[] = {INT4OID, TIMESTAMPTZOID};
OwnStatement forget(
    "DELETE FROM @.s3_issued_keys WHERE governed_table OPERATOR(pg_catalog.=) $1 AND NOT pending "
    "AND expires_at OPERATOR(pg_catalog.<) $2",
    kForgetTypes);

// Entries whose last URL has been over for a day, and of which nothing younger was left unjudged. A
// branch knows its own files by them.
void ForgetEntries(const Run& run) {
  if (run.dry_run || run.armed.as_branch) return;
  Datum values[] = {Int32GetDatum(run.table.id), TimestampTzGetDatum(run.cutoff - USECS_PER_DAY)};
  forget.Execute(run.extension, values);
}

// ---------------------------------------------------------------- arguments

TimestampTz Cutoff(FunctionCallInfo fcinfo, TimestampTz now) {
  if (PG_ARGISNULL(0)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("older_than is null")));
  }
  const Datum cutoff =
      DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(0));
  if (DatumGetTimestampTz(cutoff) > now) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("older_than is negative")));
  }
  return DatumGetTimestampTz(cutoff);
}

Run BeginRun(FunctionCallInfo fcinfo) {
  Run run = {};
  run.fcinfo = fcinfo;
  run.started_at = GetCurrentTimestamp();
  run.cutoff = Cutoff(fcinfo, run.started_at);
  run.dry_run = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
  if (PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("files_table is null")));
  }
  run.extension = FindExtension(fcinfo->flinfo->fn_oid);
  run.armed = RequireArmed(run.extension);
  run.table = RequireGoverned(run.extension, PG_GETARG_OID(2));
  run.place = {run.table.bucket, run.table.server};
  run.target = OwnersTarget(run.table.owner, run.table.bucket, run.table.server);
  return run;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_gc);
Datum neon_s3_gc(PG_FUNCTION_ARGS) {
  PreventCommandDuringRecovery("s3_gc()");
  BeginRows(fcinfo);
  Run run = BeginRun(fcinfo);
  SPI_connect();
  run.tables = LockRecordedTables(run.extension);
  const BucketListing& listing = ListAll(run);
  auto* chunk = static_cast<Chunk*>(palloc0(sizeof(Chunk)));
  SettleAllExpired(run);
  JudgeAllObjects(run, listing, chunk);
  JudgeAllRows(run, listing, chunk);
  JudgeAllUploads(run, listing);
  ForgetEntries(run);
  SPI_finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

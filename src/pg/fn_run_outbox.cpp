// s3_run_outbox: deletes from the buckets what the outbox says, between its transactions.
#include <chrono>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/object_key.h"
#include "net/batch_delete.h"
#include "pg/batch.h"
#include "pg/resolve_target.h"
#include "pg/settings.h"
#include "pg/outbox_claim.h"
#include "pg/result.h"
#include "pg/run_outbox.h"
#include "pg/s3_call.h"
#include "pg/subtransaction.h"
#include "pg/text_value.h"
#include "pg/worker_transaction.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace neon_s3 {
namespace {

constexpr int kBatchSize = 1000;

// ---------------------------------------------------------------- time

// Requests of a batch are sent in the first part of its lease. The second is for the last of them
// and its retries; the third for a server that still works on a request which was given up here.
struct Lease {
  std::chrono::milliseconds sending, request, margin;
};

Lease LeaseOfSettings() {
  const std::chrono::milliseconds request(CurrentSettings().request_timeout);
  return {request + std::chrono::seconds(60), request, std::chrono::seconds(60)};
}

int64 Microseconds(const Lease& lease) {
  return std::chrono::microseconds(lease.sending + lease.request + lease.margin).count();
}

// ---------------------------------------------------------------- one place's objects, C++ side

struct Outcome {
  Fate fate = Fate::kDelete;
  std::string error;
};

// Items of one place that one role signs for.
struct Group {
  std::vector<OutboxItem*> items;
  std::vector<std::string_view> keys;  // UTF-8
  std::vector<Outcome> outcomes;
  std::vector<std::size_t> remaining;  // whose object is to be deleted
  std::vector<std::string_view> remaining_keys;
  BatchDelete batch;
};

bool IsOver(MonotonicTime until) { return MonotonicNow() >= until; }

void Fail(const Error& error, Outcome* outcome) {
  if (error.code() == ErrorCode::kCancelled) throw error;
  *outcome = {Fate::kFailed, DescribeError(error)};
}

// Fails every item that was to be deleted and is not yet.
void FailAll(const Error& error, Group* group) {
  for (Outcome& outcome : group->outcomes) {
    if (outcome.fate == Fate::kDelete) Fail(error, &outcome);
  }
}

void CheckKeys(Group* group) {
  for (std::size_t i = 0; i < group->keys.size(); ++i) {
    try {
      ValidateObjectKey(group->keys[i]);
    } catch (const Error& error) {
      Fail(error, &group->outcomes[i]);
    }
  }
}

// An object that a branch has a row of, but never issued, may be the original's.
Outcome OutcomeOfLook(const S3Reply& reply, std::int64_t armed_at) {
  if (reply.error) {
    if (reply.error->status() == 404) return {Fate::kDeleted, {}};
    RaiseIfCommon(*reply.error);
    return {Fate::kFailed, DescribeError(*reply.error)};
  }
  const std::optional<std::int64_t> modified = ParseObjectInfo(reply.response).last_modified;
  if (!modified || *modified < armed_at) return {Fate::kKept, {}};
  return {};
}

void Look(S3Client& s3, std::string_view bucket, std::int64_t armed_at, MonotonicTime until,
          Group* group) {
  std::vector<bool> is_seen(group->items.size());
  for (std::size_t i = 0; i < group->items.size(); ++i) {
    if (group->outcomes[i].fate != Fate::kDelete || !group->items[i]->must_look) continue;
    s3.Submit(i, HeadObject(bucket, group->keys[i]));
  }
  while (s3.busy() && !IsOver(until)) {
    const S3Reply reply = s3.Next();
    group->outcomes[reply.id] = OutcomeOfLook(reply, armed_at);
    is_seen[reply.id] = true;
  }
  s3.Drop();
  for (std::size_t i = 0; i < group->items.size(); ++i) {
    const bool may_be_deleted = is_seen[i] || !group->items[i]->must_look;
    if (group->outcomes[i].fate != Fate::kDelete || !may_be_deleted) continue;
    group->remaining.push_back(i);
    group->remaining_keys.push_back(group->keys[i]);
  }
}

void TakeOutcomes(Group* group) {
  std::size_t next = group->batch.first();
  for (const DeletedObject& object : group->batch.deleted()) {
    Outcome& outcome = group->outcomes[group->remaining[next++]];
    outcome.fate = object.code.empty() ? Fate::kDeleted : Fate::kFailed;
    if (!object.code.empty()) outcome.error = object.code + ": " + object.message;
  }
  group->batch.Pop();
}

void DeleteAll(S3Client& s3, std::string_view bucket, MonotonicTime until, Group* group) {
  if (group->remaining.empty()) return;
  group->batch.Plan(bucket, group->remaining_keys.data(), group->remaining_keys.size());
  while (!group->batch.done() && !IsOver(until)) {
    group->batch.Advance(s3);
    TakeOutcomes(group);
  }
  s3.Drop();
}

// ---------------------------------------------------------------- one place's objects

bool IsOfGroup(const OutboxItem& item, const OutboxItem& first) {
  return IsSameText(item.place.bucket, first.place.bucket) &&
         IsSameText(item.place.server, first.place.server) &&
         strcmp(item.signs_as, first.signs_as) == 0;
}

void FailItem(const char* message, OutboxItem* item) {
  item->fate = Fate::kFailed;
  item->error = cstring_to_text(message);
}

bool KeyInUtf8(const text* key, std::string_view* utf8, SubtransactionError* raised) {
  const std::string_view bytes = TextView(key);
  if (GetDatabaseEncoding() != PG_UTF8) {
    return TryInSubtransaction([&] { *utf8 = ToUtf8(bytes.data(), bytes.size()); }, raised);
  }
  *utf8 = bytes;
  return true;
}

// Takes the items that go with the first one out of those that wait.
Group& TakeGroup(OutboxItem** waiting, int* count) {
  Group& group = Owned<Group>();
  OutboxItem& first = *waiting[0];
  int left = 0;
  for (int i = 0; i < *count; ++i) {
    OutboxItem* item = waiting[i];
    std::string_view key;
    SubtransactionError raised;
    if (!IsOfGroup(*item, first)) {
      waiting[left++] = item;
    } else if (!KeyInUtf8(item->key, &key, &raised)) {
      FailItem(raised.message, item);
    } else {
      Guard([&] {
        group.items.push_back(item);
        group.keys.push_back(key);
        group.outcomes.emplace_back();
      });
    }
  }
  *count = left;
  return group;
}

struct Destined {
  Target target;
  const char* message;  // null: all is well
};

// Reads catalogs, so it takes a snapshot, which is dropped here.
Destined FindDestination(const OutboxItem& item) {
  Destined found = {};
  SubtransactionError raised;
  const auto resolve = [&] {
    const Oid role = get_role_oid(item.signs_as, true);
    const std::string_view bucket = TextView(item.place.bucket);
    found.target =
        ResolveTargetFor(role, ToUtf8(bucket.data(), bucket.size()), TextView(item.place.server));
  };
  if (!TryInSubtransaction(resolve, &raised)) found.message = raised.message;
  InvalidateCatalogSnapshot();
  return found;
}

void TakeFates(const Group& group) {
  for (std::size_t i = 0; i < group.items.size(); ++i) {
    const Outcome& outcome = group.outcomes[i];
    group.items[i]->fate = outcome.fate;
    if (outcome.fate != Fate::kFailed) continue;
    group.items[i]->error = DatumGetTextPP(LossyTextDatum(outcome.error));
  }
}

std::int64_t UnixMicrosecondsOf(TimestampTz time) {
  return time + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

// No statement runs between here and the end, so there is neither snapshot nor lock.
void AskServer(const Target& target, std::int64_t armed_at, MonotonicTime until, Group* group) {
  S3Call& call = S3Call::Begin(Operation::kRunOutbox, {}, target);
  call.ShowItems(0, static_cast<std::int64_t>(group->items.size()));
  Guard([&] {
    const WaitEvent wait;
    try {
      CheckKeys(group);
      S3Client& s3 = call.BeginAt(MakeService(target), MakeLimits());
      Look(s3, call.bucket(), armed_at, until, group);
      DeleteAll(s3, call.bucket(), until, group);
    } catch (const Error& error) {
      FailAll(error, group);
    }
  });
  call.Finish();
}

// What separates the steps from one another.
struct Transactions {
  void (*next)();   // commits, and begins another one
  void (*leave)();  // before S3 is asked
  void (*enter)();  // ... and afterwards
};

void DrainBatch(const OutboxBatch& batch, MonotonicTime until, const Transactions& transactions) {
  auto** waiting = static_cast<OutboxItem**>(palloc(sizeof(OutboxItem*) * (batch.count + 1)));
  int count = batch.count;
  for (int i = 0; i < count; ++i) waiting[i] = &batch.items[i];
  while (count > 0) {
    Group& group = TakeGroup(waiting, &count);
    if (group.items.empty()) continue;
    const Destined found = FindDestination(*group.items[0]);
    if (found.message != nullptr) {
      for (OutboxItem* item : group.items) FailItem(found.message, item);
      continue;
    }
    transactions.leave();
    AskServer(found.target, UnixMicrosecondsOf(batch.armed_at), until, &group);
    transactions.enter();
    TakeFates(group);
  }
}

// ---------------------------------------------------------------- transactions

void RequireNoTransaction(FunctionCallInfo fcinfo) {
  const Node* context = reinterpret_cast<const Node*>(fcinfo->context);
  const bool is_call = context != nullptr && IsA(context, CallContext);
  if (is_call && !reinterpret_cast<const CallContext*>(context)->atomic) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                  errmsg("s3_run_outbox cannot run inside a transaction block"),
                  errhint("CALL it by itself: it commits after each batch.")));
}

int MaxItems(FunctionCallInfo fcinfo) {
  const int max_items = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
  if (max_items > 0) return max_items;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  PG_ARGISNULL(0) ? errmsg("max_items is null")
                                  : errmsg("max_items is %d, not at least 1", max_items)));
  pg_unreachable();
}

// Each statement sees what has been committed, whatever the session's default says.
void NextTransaction() {
  SPI_commit();
  SPI_start_transaction();
  XactIsoLevel = XACT_READ_COMMITTED;
}

constexpr Transactions kOfCall = {NextTransaction, [] {}, [] {}};

void NextOfWorker() {
  LeaveTransaction();
  EnterTransaction();
}

// The worker has none while it asks S3.
constexpr Transactions kOfWorker = {NextOfWorker, LeaveTransaction, EnterTransaction};

// Returns how many items were due.
int RunBatch(const Extension& extension, int most, const Transactions& transactions) {
  const Lease lease = LeaseOfSettings();
  const MonotonicTime until = MonotonicNow() + lease.sending;
  PushActiveSnapshot(GetTransactionSnapshot());
  const OutboxBatch batch = ClaimItems(extension, most, Microseconds(lease));
  PopActiveSnapshot();
  transactions.next();
  if (batch.count == 0) return batch.taken;

  DrainBatch(batch, until, transactions);
  PushActiveSnapshot(GetTransactionSnapshot());
  SettleItems(extension, batch);
  PopActiveSnapshot();
  transactions.next();
  return batch.taken;
}

void Run(const Extension& extension, int max_items, const Transactions& transactions) {
  MemoryContext outer = CurrentMemoryContext;
  MemoryContext memory = AllocSetContextCreate(outer, "neon_s3 outbox", ALLOCSET_DEFAULT_SIZES);
  MemoryContextSwitchTo(memory);
  transactions.next();
  for (int left = max_items; left > 0;) {
    const int taken = RunBatch(extension, Min(left, kBatchSize), transactions);
    if (taken == 0) break;
    left -= taken;
    MemoryContextReset(memory);
  }
  MemoryContextSwitchTo(outer);
}

}  // namespace

void RunOutboxOfWorker(const Extension& extension) {
  MemoryContextSwitchTo(TopMemoryContext);
  EnterTransaction();
  Run(extension, INT_MAX, kOfWorker);
  LeaveTransaction();
}

NEON_S3_FUNCTION(neon_s3_run_outbox);
Datum neon_s3_run_outbox(PG_FUNCTION_ARGS) {
  RequireNoTransaction(fcinfo);
  const int max_items = MaxItems(fcinfo);
  PreventCommandIfReadOnly("s3_run_outbox()");
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT) elog(ERROR, "SPI_connect_ext failed");
  Run(extension, max_items, kOfCall);
  SPI_finish();
  PG_RETURN_VOID();
}

}  // namespace neon_s3

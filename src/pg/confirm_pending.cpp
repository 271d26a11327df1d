#include "pg/confirm_pending.h"

#include <string>
#include <vector>

#include "pg/boundary.h"
#include "pg/confirm.h"
#include "pg/identity.h"
#include "pg/new_upload.h"
#include "pg/result.h"
#include "pg/settings.h"
#include "pg/subtransaction.h"
#include "pg/text_value.h"
#include "pg/worker_transaction.h"

extern "C" {
#include "access/relation.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// An upload is looked for in each run while it is younger than so many of them take, and the more
// rarely the older it is from then on, until a day after its last URL. s3_gc sees to the rest.
constexpr int kRunsOfYoung = 30;

// A row that somebody holds locked for longer is left to the next run.
constexpr const char* kLockTimeout = "1s";

struct WorkerRun {
  Extension extension;
  bool may_warn;
  MemoryContext memory;  // of the run
  List* left_out;        // one upload of each group that cannot be asked for in this run
};

// Uploads that go together, and how to ask for them.
struct Group {
  PendingUpload** uploads;
  int count;
  Target target;
  Search* search;
};

void Warn(const WorkerRun& run, const char* what, const char* message) {
  ereport(run.may_warn ? WARNING : DEBUG1,
          (errcode(ERRCODE_WARNING), errmsg("%s not confirmed: %s", what, message)));
}

bool IsLeftOut(const WorkerRun& run, const PendingUpload& upload) {
  ListCell* cell;
  foreach (cell, run.left_out) {
    if (GoTogether(*static_cast<PendingUpload*>(lfirst(cell)), upload)) return true;
  }
  return false;
}

text* Copy(const text* value) {
  return value == nullptr ? nullptr : DatumGetTextPCopy(PointerGetDatum(value));
}

void LeaveOut(WorkerRun* run, const PendingUpload& upload) {
  MemoryContext caller = MemoryContextSwitchTo(run->memory);
  auto* kept = static_cast<PendingUpload*>(palloc0(sizeof(PendingUpload)));
  kept->files_table = upload.files_table;
  kept->issued.bucket = Copy(upload.issued.bucket);
  kept->issued.server = Copy(upload.issued.server);
  run->left_out = lappend(run->left_out, kept);
  MemoryContextSwitchTo(caller);
}

// ---------------------------------------------------------------- asking

// False where the table is not governed any more, or the server is gone.
bool Prepare(WorkerRun* run, Group* group) {
  const PendingUpload& first = *group->uploads[0];
  SubtransactionError raised = {};
  bool is_governed = false;
  const auto prepare = [&] {
    const GovernedTable table = FindGoverned(run->extension, first.files_table);
    is_governed = table.why_not == Ungoverned::kNo;
    if (!is_governed) return;
    group->target = OwnersTarget(table.owner, first.issued.bucket, first.issued.server);
    group->search = &PrepareSearch(group->uploads, group->count);
  };
  PushActiveSnapshot(GetTransactionSnapshot());
  const bool is_done = TryInSubtransaction(prepare, &raised);
  PopActiveSnapshot();
  if (is_done && is_governed) return true;
  if (!is_done) Warn(*run, "uploads are", raised.message);
  LeaveOut(run, first);
  return false;
}

// ---------------------------------------------------------------- recording

void Record(const Extension& extension, const PendingUpload& upload, const Found& found) {
  Relation relation = try_relation_open(upload.files_table, RowExclusiveLock);
  if (relation == nullptr) return;
  relation_close(relation, NoLock);
  const GovernedTable table = FindGoverned(extension, upload.files_table);
  if (table.why_not == Ungoverned::kNo) RecordConfirmed(extension, table, upload.key, found);
}

// Whatever a table's triggers do concerns its own upload only.
void RecordAlone(const WorkerRun& run, const PendingUpload& upload, const Found& found) {
  EnterTransaction();
  set_config_option("lock_timeout", kLockTimeout, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                    true, 0, false);
  PushActiveSnapshot(GetTransactionSnapshot());
  SubtransactionError raised;
  const auto record = [&] { Record(run.extension, upload, found); };
  if (!TryInSubtransaction(record, &raised) && raised.sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) {
    const char* key = TextDatumGetCString(PointerGetDatum(upload.key));
    Warn(run, psprintf("upload of \"%s\" is", key), raised.message);
  }
  PopActiveSnapshot();
  LeaveTransaction();
}

// The first of the errors stands for all of them. A refusal may be of one key.
void TakeErrors(WorkerRun* run, const Group& group, const std::vector<Sighting>& sightings) {
  const Error* error = nullptr;
  for (std::size_t i = 0; i < sightings.size() && error == nullptr; ++i) {
    if (sightings[i].error) error = &*sightings[i].error;
  }
  if (error == nullptr) return;
  if (error->code() != ErrorCode::kRefused) LeaveOut(run, *group.uploads[0]);
  EnterTransaction();
  auto& description = Owned<std::string>();
  Guard([&] { description = DescribeError(*error); });
  Warn(*run, "uploads are", TextDatumGetCString(LossyTextDatum(description)));
  LeaveTransaction();
}

void ConfirmGroup(WorkerRun* run, Group* group) {
  EnterTransaction();
  const bool may_ask = Prepare(run, group);
  LeaveTransaction();
  if (!may_ask) return;
  const std::vector<Sighting>& sightings =
      FindObjects(Operation::kConfirmUpload, group->target, group->search);
  for (int i = 0; i < group->count; ++i) {
    const Sighting& sighting = sightings[i];
    const bool is_as_promised = sighting.is_there && sighting.found.difference.empty();
    if (is_as_promised) RecordAlone(*run, *group->uploads[i], sighting.found);
  }
  TakeErrors(run, *group, sightings);
}

PendingPage ReadPage(const Extension& extension, PendingFilter* filter) {
  EnterTransaction();
  PushActiveSnapshot(GetTransactionSnapshot());
  const PendingPage page = ReadPending(extension, ReadArmed(extension).armed_at, filter);
  PopActiveSnapshot();
  LeaveTransaction();
  return page;
}

void ConfirmPage(WorkerRun* run, const PendingPage& page) {
  const Size size = sizeof(PendingUpload*) * (page.count + 1);
  auto** waiting = static_cast<PendingUpload**>(palloc(size));
  int count = 0;
  for (int i = 0; i < page.count; ++i) {
    if (!IsLeftOut(*run, page.uploads[i])) waiting[count++] = &page.uploads[i];
  }
  while (count > 0) {
    Group group = {};
    group.uploads = static_cast<PendingUpload**>(palloc(size));
    group.count = TakeGroup(waiting, &count, group.uploads);
    ConfirmGroup(run, &group);
  }
}

}  // namespace

void ConfirmPendingUploads(const Extension& extension, bool may_warn) {
  MemoryContext outer = CurrentMemoryContext;
  MemoryContext memory = AllocSetContextCreate(outer, "neon_s3 uploads", ALLOCSET_DEFAULT_SIZES);
  WorkerRun run = {extension, may_warn, outer, NIL};
  PendingFilter filter = {};
  filter.after = GetCurrentTimestamp() - USECS_PER_DAY;
  filter.after_key = cstring_to_text("");
  filter.before = DT_NOEND;
  filter.table = -1;
  filter.seldom_from = kRunsOfYoung * CurrentSettings().worker_interval;
  for (PendingPage page = {}; !page.is_last;) {
    MemoryContextSwitchTo(memory);
    page = ReadPage(extension, &filter);
    ConfirmPage(&run, page);
    MemoryContextSwitchTo(outer);
    MemoryContextReset(memory);
  }
  MemoryContextDelete(memory);
}

}  // namespace neon_s3

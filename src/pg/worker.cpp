#include "pg/worker.h"

#include "pg/confirm_pending.h"
#include "pg/identity.h"
#include "pg/run_outbox.h"
#include "pg/settings.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace neon_s3 {
namespace {

constexpr int kRunsPerWarning = 6;  // how often a fenced database is told

BackgroundWorker Describe(const char* function, const char* name) {
  BackgroundWorker worker = {};
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  strlcpy(worker.bgw_library_name, "neon_s3", sizeof(worker.bgw_library_name));
  strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
  strlcpy(worker.bgw_name, name, sizeof(worker.bgw_name));
  strlcpy(worker.bgw_type, "neon_s3 worker", sizeof(worker.bgw_type));
  return worker;
}

// One process for one run: a connected one would block CREATE DATABASE ... TEMPLATE.
void RunIn(const char* database, bool may_warn) {
  BackgroundWorker worker =
      Describe("neon_s3_worker_run", psprintf("neon_s3 worker in %s", database));
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = BoolGetDatum(may_warn);
  worker.bgw_notify_pid = MyProcPid;
  strlcpy(worker.bgw_extra, database, sizeof(worker.bgw_extra));
  BackgroundWorkerHandle* handle;
  if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
    ereport(LOG,
            (errmsg("no background worker for the outbox of database \"%s\" is free", database),
             errhint("Increase max_worker_processes.")));
    return;
  }
  if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED) proc_exit(1);
}

void RunInAll(bool may_warn) {
  char* names = pstrdup(CurrentSettings().worker_database);
  List* databases;
  if (!SplitIdentifierString(names, ',', &databases)) {
    ereport(LOG, (errmsg("invalid list of databases in neon_s3.worker_database")));
    return;
  }
  ListCell* cell;
  foreach (cell, databases) RunIn(static_cast<const char*>(lfirst(cell)), may_warn);
}

void Rest() {
  WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
            CurrentSettings().worker_interval * 1000L, PG_WAIT_EXTENSION);
  ResetLatch(MyLatch);
  CHECK_FOR_INTERRUPTS();
  if (!ConfigReloadPending) return;
  ConfigReloadPending = false;
  ProcessConfigFile(PGC_SIGHUP);
}

// ---------------------------------------------------------------- in a database

struct Installed {
  bool is_there;
  Extension extension;
};

Installed FindInstalled() {
  Installed installed = {};
  const Oid oid = get_extension_oid("neon_s3", true);
  if (!OidIsValid(oid)) return installed;
  Datum values[] = {ObjectIdGetDatum(oid)};
  Oid types[] = {OIDOID};
  SPI_connect();
  SPI_execute_with_args(
      "SELECT extnamespace, extowner FROM pg_catalog.pg_extension WHERE oid "
      "OPERATOR(pg_catalog.=) $1",
      1, types, values, nullptr, true, 1);
  if (SPI_processed == 1) {
    bool is_null;
    HeapTuple row = SPI_tuptable->vals[0];
    TupleDesc desc = SPI_tuptable->tupdesc;
    installed.is_there = true;
    installed.extension.schema = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
    installed.extension.owner = DatumGetObjectId(SPI_getbinval(row, desc, 2, &is_null));
  }
  SPI_finish();
  return installed;
}

// Whether outbox and uploads of this database are this database's to see to.
bool MayRun(const Extension& extension, bool may_warn) {
  const Armed armed = ReadArmed(extension);
  if (IsHere(armed)) return true;
  ereport(
      may_warn ? WARNING : DEBUG1,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("the outbox of database \"%s\" is not emptied, and no upload confirmed: it does not "
              "own the lifecycle of its objects",
              MyBgworkerEntry->bgw_extra),
       errhint("A superuser calls s3_arm_lifecycle() there; in a copy that lives beside the "
               "original, s3_arm_lifecycle(as_branch => true).")));
  return false;
}

}  // namespace

void RegisterWorker() {
  // pg_upgrade starts servers as they are configured, and wants nobody else in them.
  if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
  if (*CurrentSettings().worker_database == '\0') return;
  BackgroundWorker worker = Describe("neon_s3_worker_main", "neon_s3 worker");
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
  worker.bgw_restart_time = 10;
  RegisterBackgroundWorker(&worker);
}

}  // namespace neon_s3

NEON_S3_EXPORT void neon_s3_worker_main(Datum) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  // How the postmaster tells that a run has ended; without a database nobody else sets the latch.
  pqsignal(SIGUSR1, procsignal_sigusr1_handler);
  BackgroundWorkerUnblockSignals();
  MemoryContext memory =
      AllocSetContextCreate(TopMemoryContext, "neon_s3 worker", ALLOCSET_SMALL_SIZES);
  MemoryContextSwitchTo(memory);
  for (int run = 0;; run = (run + 1) % neon_s3::kRunsPerWarning) {
    neon_s3::RunInAll(run == 0);
    MemoryContextReset(memory);
    neon_s3::Rest();
  }
}

NEON_S3_EXPORT void neon_s3_worker_run(Datum may_warn) {
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, nullptr, 0);
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  PushActiveSnapshot(GetTransactionSnapshot());
  const neon_s3::Installed installed = neon_s3::FindInstalled();
  const bool may_run =
      installed.is_there && neon_s3::MayRun(installed.extension, DatumGetBool(may_warn));
  PopActiveSnapshot();
  CommitTransactionCommand();
  if (may_run) {
    MemoryContextSwitchTo(TopMemoryContext);
    neon_s3::ConfirmPendingUploads(installed.extension, DatumGetBool(may_warn));
    neon_s3::RunOutboxOfWorker(installed.extension);
  }
  proc_exit(0);
}

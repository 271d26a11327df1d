// The functions behind the views s3_progress and s3_stats, and s3_stats_reset.
#include "pg/stats.h"
#include "pg/result.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"
}

namespace neon_s3 {
namespace {

// As pg_stat_activity has it.
bool MaySee(const PGPROC& process) {
  return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
         has_privs_of_role(GetUserId(), process.roleId);
}

void PutRow(FunctionCallInfo fcinfo, const Progress& progress, bool may_see) {
  Row row;
  row.Integer(progress.pid);
  if (may_see) {
    row.Text(InfoOf(progress.operation).name);
    const std::string_view key(progress.key, progress.key_size);
    row.Add(key.empty() ? 0 : LossyTextDatum(key), key.empty());
    row.BigIntOrNull(progress.items_done);
    row.BigIntOrNull(progress.items_total);
    row.BigIntOrNull(progress.bytes_done);
    row.BigIntOrNull(progress.bytes_total);
    row.Add(TimestampTzGetDatum(progress.started_at), false);
  } else {
    for (int i = 0; i < 7; ++i) row.Null();
  }
  row.Put(fcinfo);
}

void PutRow(FunctionCallInfo fcinfo, Operation operation, const Counters& counters) {
  constexpr double kMicrosecondsOfMillisecond = 1000;
  Row row;
  row.Text(InfoOf(operation).name);
  row.BigInt(counters.calls);
  row.BigInt(counters.errors);
  row.BigInt(counters.requests);
  row.BigInt(counters.retries);
  row.BigInt(counters.bytes_sent);
  row.BigInt(counters.bytes_received);
  row.Double(static_cast<double>(counters.microseconds) / kMicrosecondsOfMillisecond);
  row.BigInt(InfoOf(operation).effect == Effect::kSigns ? counters.calls : 0);
  row.Put(fcinfo);
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_progress);
Datum neon_s3_progress(PG_FUNCTION_ARGS) {
  BeginRows(fcinfo);
  const std::size_t slot_count = SlotCount();
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    Progress progress;
    if (!ReadProgress(slot, &progress)) continue;
    const PGPROC* process = BackendPidGetProc(progress.pid);
    if (process != nullptr) PutRow(fcinfo, progress, MaySee(*process));  // else it crashed
  }
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_stats);
Datum neon_s3_stats(PG_FUNCTION_ARGS) {
  Counters sums[kOperationCount];
  BeginRows(fcinfo);
  SumCounters(sums);
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (sums[i].calls != 0) PutRow(fcinfo, static_cast<Operation>(i), sums[i]);
  }
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_stats_reset);
Datum neon_s3_stats_reset(PG_FUNCTION_ARGS) {
  ResetCounters();
  PG_RETURN_VOID();
}

}  // namespace neon_s3

// s3_arm_lifecycle, s3_retry_outbox and s3_require_trusted.
#include "pg/identity.h"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "storage/lmgr.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

constexpr Oid kArmTypes[] = {TEXTOID, INT8OID, TEXTOID, BOOLOID, TIMESTAMPTZOID, TEXTOID};
OwnStatement arm(
    "INSERT INTO @.s3_lifecycle_identity (system_identifier, database_oid, instance, as_branch, "
    "armed_at, armed_by) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (only_row) DO UPDATE SET "
    "system_identifier = EXCLUDED.system_identifier, database_oid = EXCLUDED.database_oid, "
    "instance = EXCLUDED.instance, as_branch = EXCLUDED.as_branch, armed_at = EXCLUDED.armed_at, "
    "armed_by = EXCLUDED.armed_by",
    kArmTypes);

void RequireSuperuser() {
  if (superuser()) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("must be superuser to call s3_arm_lifecycle")));
}

[[noreturn]] void RefuseArming(const char* message, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", message),
                  errhint("%s", hint)));
  pg_unreachable();
}

void CheckArming(const Armed& armed, bool is_here, bool as_branch) {
  if (armed.is_armed && armed.as_branch && !as_branch) {
    RefuseArming("this database is a branch: its objects belong to the original",
                 "In a copy of a branch, call s3_arm_lifecycle(as_branch => true).");
  }
  if (is_here && !armed.as_branch && as_branch) {
    RefuseArming("this database owns the lifecycle of its objects, and is not a copy",
                 "Call s3_arm_lifecycle(as_branch => true) in the copy.");
  }
}

void WarnOfOther(const Armed& armed) {
  ereport(WARNING,
          (errcode(ERRCODE_WARNING),
           errmsg("the lifecycle was owned by database %lld of system %s, \"%s\", armed at %s",
                  static_cast<long long>(armed.identity.database), armed.identity.system_identifier,
                  armed.identity.instance, timestamptz_to_str(armed.armed_at)),
           errdetail("From now on this database deletes the objects of both."),
           errhint("If that database lives on, call s3_arm_lifecycle(as_branch => true) here.")));
}

void Record(const Extension& extension, bool as_branch) {
  const Identity own = OwnIdentity();
  Datum values[] = {CStringGetTextDatum(own.system_identifier),
                    Int64GetDatum(own.database),
                    CStringGetTextDatum(own.instance),
                    BoolGetDatum(as_branch),
                    TimestampTzGetDatum(GetCurrentTimestamp()),
                    CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};
  SPI_connect();
  arm.Execute(extension, values);
  SPI_finish();
}

void RequireTrusted(const Extension& extension) {
  if (IsTrusted(extension, GetUserId())) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("permission denied for the outbox and the tracked files"),
                  errhint("Roles that may execute s3_presign_get see them.")));
}

constexpr Oid kRetryTypes[] = {TEXTOID, TIMESTAMPTZOID};
OwnStatement retry(
    "UPDATE @.s3_delete_queue q SET state = 'pending', attempts = 0, next_attempt_at = $2 WHERE "
    "q.state OPERATOR(pg_catalog.=) 'dead'::pg_catalog.text AND ($1 IS NULL OR q.object_key "
    "OPERATOR(pg_catalog.=) $1) AND NOT EXISTS (SELECT FROM @.s3_lifecycle_identity l WHERE "
    "l.as_branch AND q.enqueued_at OPERATOR(pg_catalog.<) l.armed_at)",
    kRetryTypes);

}  // namespace

NEON_S3_FUNCTION(neon_s3_arm_lifecycle);
Datum neon_s3_arm_lifecycle(PG_FUNCTION_ARGS) {
  PreventCommandIfReadOnly("s3_arm_lifecycle()");
  RequireSuperuser();
  const bool as_branch = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  // One at a time.
  LockRelationOid(OwnRelation(extension, "s3_lifecycle_identity"), ShareRowExclusiveLock);
  const Armed armed = ReadArmed(extension);
  const bool is_here = IsHere(armed);
  CheckArming(armed, is_here, as_branch);
  if (is_here) PG_RETURN_VOID();  // what is armed stays armed since then
  if (armed.is_armed && !as_branch) WarnOfOther(armed);
  Record(extension, as_branch);
  PG_RETURN_VOID();
}

NEON_S3_FUNCTION(neon_s3_retry_outbox);
Datum neon_s3_retry_outbox(PG_FUNCTION_ARGS) {
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  RequireTrusted(extension);
  Datum values[] = {PG_GETARG_DATUM(0), TimestampTzGetDatum(GetCurrentTimestamp())};
  const char nulls[] = {PG_ARGISNULL(0) ? 'n' : ' ', ' '};
  SPI_connect();
  const uint64 count = retry.Execute(extension, values, nulls);
  SPI_finish();
  PG_RETURN_INT64(static_cast<int64>(count));
}

NEON_S3_FUNCTION(neon_s3_require_trusted);
Datum neon_s3_require_trusted(PG_FUNCTION_ARGS) {
  RequireTrusted(FindExtension(fcinfo->flinfo->fn_oid));
  PG_RETURN_BOOL(true);
}

}  // namespace neon_s3

// s3_confirm_upload, which row-level security of the files table gates.
#include "pg/confirm.h"
#include "pg/identity.h"
#include "pg/new_upload.h"
#include "pg/result.h"
#include "pg/row_gate.h"

extern "C" {
#include "utils/builtins.h"
}

namespace neon_s3 {
namespace {

[[noreturn]] void RefuseDifference(const text* key, const Found& found) {
  const char* difference = TextDatumGetCString(LossyTextDatum(found.difference));
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("file \"%s\" is not what its upload promised",
                         TextDatumGetCString(PointerGetDatum(key))),
                  errdetail("%s", difference),
                  errhint("Upload it again while the upload is pending, or abort the upload.")));
  pg_unreachable();
}

void Record(const Extension& extension, const GovernedTable& table, const text* key,
            const Found& found) {
  SPI_connect();
  if (!RecordConfirmed(extension, table, key, found)) RefuseRow(key);
  SPI_finish();
}

Datum ConfirmedRow(FunctionCallInfo fcinfo, const Found& found) {
  Row row;
  row.Add(PG_GETARG_DATUM(0), false);
  row.BigIntOrNull(found.object.size.value_or(-1));
  row.TextOrNull(found.object.etag);
  row.TextOrNull(found.object.content_type);
  row.TextOrNull(found.object.version_id);
  row.Time(found.object.last_modified);
  return row.Finish(fcinfo);
}

// The caller may select the row, or this is 42501.
Issued FindUpload(const Extension& extension, const GovernedTable& table, const text* key) {
  SPI_connect();
  const bool may_see = SelectsRow(table.relation, key);
  SPI_finish();
  if (!may_see) RefuseRow(key);
  Issued issued = FindIssued(extension, table, key);
  if (issued.is_pending && issued.is_inherited) RefuseInherited(key);
  // Whoever completes an upload must own it.
  if (issued.is_pending && issued.upload_id != nullptr) RequireArmed(extension);
  if (issued.is_known) return issued;
  // Of a key that was not issued, or whose entry was forgotten long after it was confirmed.
  issued.bucket = table.bucket;
  issued.server = table.server;
  issued.content_length = -1;
  return issued;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_confirm_upload);
Datum neon_s3_confirm_upload(PG_FUNCTION_ARGS) {
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(RowExclusiveLock));
  const text* key = PG_GETARG_TEXT_PP(0);
  const Issued issued = FindUpload(extension, table, key);
  const Target target = OwnersTarget(table.owner, issued.bucket, issued.server);
  const Found& found = FindObject(issued, Utf8(key), target);
  if (!found.difference.empty()) RefuseDifference(key, found);
  if (issued.is_pending) Record(extension, table, key, found);
  return ConfirmedRow(fcinfo, found);
}

}  // namespace neon_s3

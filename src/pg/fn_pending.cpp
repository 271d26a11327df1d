// s3_abort_upload, and s3_pending_uploads for the view s3_uploads.
#include "pg/compat.h"
#include "pg/files_table.h"
#include "pg/ledger.h"
#include "pg/result.h"
#include "pg/row_gate.h"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace neon_s3 {
namespace {

[[noreturn]] void RefuseConfirmed(const text* key) {
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("upload of \"%s\" has ended meanwhile",
                         TextDatumGetCString(PointerGetDatum(key)))));
  pg_unreachable();
}

// Whether the upload was pending. The row is the caller's to delete, or this is 42501.
bool Abort(const Extension& extension, const GovernedTable& table, const text* key) {
  const Issued issued = FindIssued(extension, table, key);
  if (!issued.is_pending || issued.is_inherited) {
    if (!SelectsRow(table.relation, key)) RefuseRow(key);
    if (issued.is_pending) RefuseInherited(key);
    return false;
  }
  if (!DeletesRow(table.relation, key)) RefuseRow(key);
  if (!SettleUpload(extension, table, key)) RefuseConfirmed(key);
  return true;
}

// ---------------------------------------------------------------- s3_uploads

OwnStatement pending(
    "SELECT i.object_key, i.expires_at, i.content_type, i.content_length, i.upload_id, i.begun_at, "
    "i.begun_by, g.files_table FROM @.s3_issued_keys i JOIN @.s3_governed_tables g ON g.id "
    "OPERATOR(pg_catalog.=) i.governed_table WHERE i.pending");

constexpr int kColumns = 7;  // and the table

bool MayTry(Oid table) {
  const AttrNumber column = get_attnum(table, "object_key");
  const Oid role = GetUserId();
  return SchemaAcl(get_rel_namespace(table), role, ACL_USAGE) == ACLCHECK_OK &&
         column != InvalidAttrNumber &&
         (pg_class_aclcheck(table, role, ACL_SELECT) == ACLCHECK_OK ||
          pg_attribute_aclcheck(table, column, role, ACL_SELECT) == ACLCHECK_OK);
}

// Nothing of a table runs for the caller whose owner might be anybody.
bool MaySee(const Extension& extension, Oid table, const text* key) {
  if (!OidIsValid(get_rel_namespace(table)) || !MayTry(table)) return false;
  if (FindGoverned(extension, table).why_not != Ungoverned::kNo) return false;
  return SelectsRow(table, key);
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_abort_upload);
Datum neon_s3_abort_upload(PG_FUNCTION_ARGS) {
  const text* key = PG_GETARG_TEXT_PP(0);
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(RowExclusiveLock));
  SPI_connect();
  const bool was_pending = Abort(extension, table, key);
  SPI_finish();
  PG_RETURN_BOOL(was_pending);
}

NEON_S3_FUNCTION(neon_s3_pending_uploads);
Datum neon_s3_pending_uploads(PG_FUNCTION_ARGS) {
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const bool is_trusted = IsTrusted(extension, GetUserId());
  BeginRows(fcinfo);
  SPI_connect();
  pending.Execute(extension, nullptr);
  SPITupleTable* uploads = SPI_tuptable;
  for (uint64 i = 0; i < uploads->numvals; ++i) {
    Datum values[kColumns + 1];
    bool nulls[kColumns + 1];
    heap_deform_tuple(uploads->vals[i], uploads->tupdesc, values, nulls);
    const Oid table = DatumGetObjectId(values[kColumns]);
    if (!is_trusted && !MaySee(extension, table, DatumGetTextPP(values[0]))) continue;
    PutRow(fcinfo, values, nulls);
  }
  SPI_finish();
  return 0;
}

}  // namespace neon_s3

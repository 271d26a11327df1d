#include "pg/ledger.h"

#include "pg/identity.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

constexpr Oid kRecordTypes[] = {TEXTOID,        INT4OID,  TEXTOID,        TEXTOID,
                                TIMESTAMPTZOID, TEXTOID,  TIMESTAMPTZOID, TEXTOID,
                                INT8OID,        BYTEAOID, TEXTOID,        INT8OID};
OwnStatement record(
    "INSERT INTO @.s3_issued_keys (object_key, governed_table, bucket, server, pending, begun_at, "
    "begun_by, expires_at, content_type, content_length, checksum_sha256, upload_id, part_size) "
    "VALUES ($1, $2, $3, $4, true, $5, $6, $7, $8, $9, $10, $11, $12)",
    kRecordTypes);

constexpr Oid kSettleTypes[] = {TEXTOID, INT4OID};
OwnStatement settle(
    "UPDATE @.s3_issued_keys SET pending = false WHERE object_key OPERATOR(pg_catalog.=) $1 AND "
    "governed_table OPERATOR(pg_catalog.=) $2 AND pending",
    kSettleTypes);

constexpr Oid kExtendTypes[] = {TEXTOID, INT4OID, TIMESTAMPTZOID};
OwnStatement extend(
    "UPDATE @.s3_issued_keys SET expires_at = $3 WHERE object_key OPERATOR(pg_catalog.=) $1 AND "
    "governed_table OPERATOR(pg_catalog.=) $2 AND expires_at OPERATOR(pg_catalog.<) $3",
    kExtendTypes);

// Of s3_issued_keys.
enum Attribute {
  kObjectKey = 1,
  kGovernedTable,
  kBucket,
  kServer,
  kPending,
  kBegunAt,
  kBegunBy,
  kExpiresAt,
  kContentType,
  kContentLength,
  kChecksum,
  kUploadId,
  kPartSize,
};

const text* CopyText(Datum value, bool is_null) {
  return is_null ? nullptr : DatumGetTextPCopy(value);
}

Issued FromTuple(Relation ledger, HeapTuple tuple, const Armed& armed) {
  Datum values[MaxHeapAttributeNumber];
  bool nulls[MaxHeapAttributeNumber];
  heap_deform_tuple(tuple, RelationGetDescr(ledger), values, nulls);
  Issued issued = {};
  issued.is_known = true;
  issued.is_pending = DatumGetBool(values[kPending - 1]);
  issued.is_inherited =
      armed.as_branch && DatumGetTimestampTz(values[kBegunAt - 1]) < armed.armed_at;
  issued.bucket = CopyText(values[kBucket - 1], false);
  issued.server = CopyText(values[kServer - 1], nulls[kServer - 1]);
  issued.content_type = CopyText(values[kContentType - 1], nulls[kContentType - 1]);
  issued.checksum_sha256 = CopyText(values[kChecksum - 1], nulls[kChecksum - 1]);
  issued.content_length =
      nulls[kContentLength - 1] ? -1 : DatumGetInt64(values[kContentLength - 1]);
  issued.upload_id = CopyText(values[kUploadId - 1], nulls[kUploadId - 1]);
  issued.part_size = nulls[kPartSize - 1] ? -1 : DatumGetInt64(values[kPartSize - 1]);
  return issued;
}

char NullIf(bool is_null) { return is_null ? 'n' : ' '; }

}  // namespace

void RecordIssued(const Extension& extension, const GovernedTable& table, const IssuedKey& issued) {
  Datum values[] = {PointerGetDatum(issued.key),
                    Int32GetDatum(table.id),
                    PointerGetDatum(table.bucket),
                    PointerGetDatum(table.server),
                    TimestampTzGetDatum(GetCurrentTimestamp()),
                    CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)),
                    TimestampTzGetDatum(issued.expires_at),
                    PointerGetDatum(issued.content_type),
                    Int64GetDatum(issued.content_length),
                    PointerGetDatum(issued.checksum_sha256),
                    PointerGetDatum(issued.upload_id),
                    Int64GetDatum(issued.part_size)};
  const char nulls[] = {' ',
                        ' ',
                        ' ',
                        NullIf(table.server == nullptr),
                        ' ',
                        ' ',
                        ' ',
                        NullIf(issued.content_type == nullptr),
                        NullIf(issued.content_length < 0),
                        NullIf(issued.checksum_sha256 == nullptr),
                        NullIf(issued.upload_id == nullptr),
                        NullIf(issued.part_size < 0)};
  record.Execute(extension, values, nulls);
}

Issued FindIssued(const Extension& extension, const GovernedTable& table, const text* key) {
  Issued issued = {};
  const Armed armed = ReadArmed(extension);
  Relation ledger = table_open(OwnRelation(extension, "s3_issued_keys"), AccessShareLock);
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], kObjectKey, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(key));
  ScanKeyInit(&keys[1], kGovernedTable, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(table.id));
  SysScanDesc scan = systable_beginscan(ledger, OwnRelation(extension, "s3_issued_keys_pkey"), true,
                                        nullptr, 2, keys);
  HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) issued = FromTuple(ledger, tuple, armed);
  systable_endscan(scan);
  table_close(ledger, AccessShareLock);
  return issued;
}

void RefuseInherited(const text* key) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("upload of \"%s\" was begun before this database became a branch",
                         TextDatumGetCString(PointerGetDatum(key))),
                  errhint("Only the original may end it.")));
  pg_unreachable();
}

void ExtendUpload(const Extension& extension, const GovernedTable& table, const text* key,
                  TimestampTz expires_at) {
  Datum values[] = {PointerGetDatum(key), Int32GetDatum(table.id), TimestampTzGetDatum(expires_at)};
  extend.Execute(extension, values);
}

bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key) {
  Datum values[] = {PointerGetDatum(key), Int32GetDatum(table.id)};
  return settle.Execute(extension, values) > 0;
}

}  // namespace neon_s3

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

// Of s3_issued_keys.
enum Attribute { kObjectKey = 1, kGovernedTable, kBucket, kServer, kPending, kBegunAt };

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
  if (HeapTupleIsValid(tuple)) {
    Datum values[MaxHeapAttributeNumber];
    bool nulls[MaxHeapAttributeNumber];
    heap_deform_tuple(tuple, RelationGetDescr(ledger), values, nulls);
    issued.is_known = true;
    issued.is_pending = DatumGetBool(values[kPending - 1]);
    issued.is_inherited =
        armed.as_branch && DatumGetTimestampTz(values[kBegunAt - 1]) < armed.armed_at;
  }
  systable_endscan(scan);
  table_close(ledger, AccessShareLock);
  return issued;
}

bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key) {
  Datum values[] = {PointerGetDatum(key), Int32GetDatum(table.id)};
  return settle.Execute(extension, values) > 0;
}

}  // namespace neon_s3

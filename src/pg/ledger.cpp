#include "pg/ledger.h"

#include "pg/identity.h"
#include "pg/text_value.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
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

constexpr int kPage = 1000;

// In the terms of the index s3_issued_keys_pending.
constexpr Oid kPendingTypes[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,        TIMESTAMPTZOID,
                                 INT4OID,        FLOAT8OID,      TIMESTAMPTZOID, INT8OID};
OwnStatement pending(
    "SELECT i.object_key, i.governed_table, i.bucket, i.server, i.pending, i.begun_at, i.begun_by, "
    "i.expires_at, i.content_type, i.content_length, i.checksum_sha256, i.upload_id, i.part_size, "
    "g.files_table FROM @.s3_issued_keys i JOIN @.s3_governed_tables g ON g.id "
    "OPERATOR(pg_catalog.=) i.governed_table WHERE i.pending AND i.begun_at "
    "OPERATOR(pg_catalog.>=) $1 AND (i.expires_at, i.object_key) OPERATOR(pg_catalog.>) ($2, $3) "
    "AND i.expires_at OPERATOR(pg_catalog.<) $4 AND ($5 IS NULL OR i.governed_table "
    "OPERATOR(pg_catalog.=) $5) AND pg_catalog.random() OPERATOR(pg_catalog.*) "
    "pg_catalog.date_part('epoch', $7 OPERATOR(pg_catalog.-) i.begun_at) OPERATOR(pg_catalog.<=) "
    "$6 ORDER BY i.expires_at, i.object_key LIMIT $8",
    kPendingTypes);

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
  kFilesTable,  // of `pending`
};

const text* CopyText(Datum value, bool is_null) {
  return is_null ? nullptr : DatumGetTextPCopy(value);
}

// Of the ledger's columns.
Issued FromValues(const Datum* values, const bool* nulls) {
  Issued issued = {};
  issued.is_known = true;
  issued.is_pending = DatumGetBool(values[kPending - 1]);
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

Issued FromTuple(Relation ledger, HeapTuple tuple, const Armed& armed) {
  Datum values[MaxHeapAttributeNumber];
  bool nulls[MaxHeapAttributeNumber];
  heap_deform_tuple(tuple, RelationGetDescr(ledger), values, nulls);
  Issued issued = FromValues(values, nulls);
  issued.is_inherited =
      armed.as_branch && DatumGetTimestampTz(values[kBegunAt - 1]) < armed.armed_at;
  return issued;
}

// The key is where the one before it was.
void Advance(const PendingUpload& last, PendingFilter* filter) {
  MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(filter->after_key));
  pfree(filter->after_key);
  filter->after = last.expires_at;
  filter->after_key = DatumGetTextPCopy(PointerGetDatum(last.key));
  MemoryContextSwitchTo(caller);
}

PendingUpload PendingOf(SPITupleTable* rows, int row) {
  Datum values[kFilesTable];
  bool nulls[kFilesTable];
  heap_deform_tuple(rows->vals[row], rows->tupdesc, values, nulls);
  return {CopyText(values[kObjectKey - 1], false), DatumGetObjectId(values[kFilesTable - 1]),
          DatumGetTimestampTz(values[kExpiresAt - 1]), FromValues(values, nulls)};
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

PendingPage ReadPending(const Extension& extension, TimestampTz armed_at, PendingFilter* filter) {
  Datum values[] = {TimestampTzGetDatum(armed_at),
                    TimestampTzGetDatum(filter->after),
                    PointerGetDatum(filter->after_key),
                    TimestampTzGetDatum(filter->before),
                    Int32GetDatum(filter->table),
                    Float8GetDatum(filter->seldom_from),
                    TimestampTzGetDatum(GetCurrentTimestamp()),
                    Int64GetDatum(kPage)};
  const char nulls[] = {' ', ' ', ' ', ' ', NullIf(filter->table < 0), ' ', ' ', ' '};
  const auto count = static_cast<int>(pending.ExecuteLatest(extension, values, nulls));
  SPITupleTable* rows = SPI_tuptable;
  PendingPage page = {};
  page.uploads = static_cast<PendingUpload*>(palloc(sizeof(PendingUpload) * (count + 1)));
  page.count = count;
  page.is_last = count < kPage;
  for (int i = 0; i < count; ++i) page.uploads[i] = PendingOf(rows, i);
  SPI_freetuptable(rows);
  if (count == 0) return page;
  Advance(page.uploads[count - 1], filter);
  return page;
}

bool GoTogether(const PendingUpload& a, const PendingUpload& b) {
  return a.files_table == b.files_table && IsSameText(a.issued.bucket, b.issued.bucket) &&
         IsSameText(a.issued.server, b.issued.server);
}

int TakeGroup(PendingUpload** waiting, int* count, PendingUpload** group) {
  const PendingUpload& first = *waiting[0];
  int taken = 0;
  int left = 0;
  for (int i = 0; i < *count; ++i) {
    PendingUpload* upload = waiting[i];
    if (GoTogether(*upload, first)) {
      group[taken++] = upload;
    } else {
      waiting[left++] = upload;
    }
  }
  *count = left;
  return taken;
}

bool SettleUpload(const Extension& extension, const GovernedTable& table, const text* key) {
  Datum values[] = {PointerGetDatum(key), Int32GetDatum(table.id)};
  return settle.Execute(extension, values) > 0;
}

}  // namespace neon_s3

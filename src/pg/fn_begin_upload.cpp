// s3_begin_upload and s3_file_url, which row-level security of the files table gates.
#include "core/content_disposition.h"
#include "core/upload_limits.h"
#include "pg/boundary.h"
#include "pg/files_guard.h"
#include "pg/files_table.h"
#include "pg/governed.h"
#include "pg/ledger.h"
#include "pg/result.h"
#include "pg/row_gate.h"
#include "pg/upload.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

std::string_view Utf8(const text* value) {
  return ToUtf8(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

text* TextArg(FunctionCallInfo fcinfo, int n) {
  return PG_ARGISNULL(n) ? nullptr : PG_GETARG_TEXT_PP(n);
}

// Signs with the mapping of the table's owner, else PUBLIC's, whoever calls.
Target TargetOf(const GovernedTable& table) {
  const std::string_view server =
      table.server == nullptr
          ? std::string_view()
          : std::string_view(VARDATA_ANY(table.server), VARSIZE_ANY_EXHDR(table.server));
  const SavedRole saved = BecomeRole(table.owner);
  const Target target = ResolveTarget(Utf8(table.bucket), OptionalText(server));
  RestoreRole(saved);
  return target;
}

// ---------------------------------------------------------------- the table's limits

void CheckContentType(const GovernedTable& table, const OptionalText& content_type) {
  if (table.content_types == nullptr) return;
  Datum* patterns;
  bool* nulls;
  int count;
  deconstruct_array(table.content_types, TEXTOID, -1, false, TYPALIGN_INT, &patterns, &nulls,
                    &count);
  bool matches = false;
  for (int i = 0; content_type && i < count; ++i) {
    const std::string_view pattern = Utf8(DatumGetTextPP(patterns[i]));
    Guard([&] { matches = matches || MatchesType(*content_type, pattern); });
  }
  if (!matches) Guard([&] { RefuseType(content_type); });
}

void CheckLimits(const Extension& extension, const GovernedTable& table,
                 const UploadConstraints& constraints) {
  if (table.max_size >= 0) {
    Guard([&] { CheckMaxSize(table.max_size, constraints.content_length); });
  }
  CheckContentType(table, constraints.content_type);
  if (constraints.overwrite && !IsTrusted(extension, GetUserId())) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to begin an upload with overwrite => true"),
                    errhint("Only roles that may execute s3_presign_get may.")));
  }
}

// ---------------------------------------------------------------- the row

// What InsertFile() returns.
TupleDesc FileDesc() {
  static TupleDesc desc = nullptr;
  if (desc != nullptr) return desc;
  MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
  TupleDesc made = CreateTemplateTupleDesc(5);
  TupleDescInitEntry(made, 1, "id", INT8OID, -1, 0);
  TupleDescInitEntry(made, 2, "object_key", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 3, "file_url", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 4, "user_id", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 5, "upload_timestamp", TIMESTAMPTZOID, -1, 0);
  desc = BlessTupleDesc(made);
  MemoryContextSwitchTo(caller);
  return desc;
}

// The guard lets this very row pass.
Datum InsertExpected(Oid table, const NewFile& file) {
  volatile Datum row = 0;
  const ExpectedInsert before = ExpectInsert({table, file.object_key});
  PG_TRY();
  { row = InsertFile(table, file, FileDesc()); }
  PG_FINALLY();
  { ExpectInsert(before); }
  PG_END_TRY();
  return row;
}

struct InsertedId {
  Datum value;
  bool is_null;
};

InsertedId InsertRow(const GovernedTable& table, const NewFile& file) {
  const Datum row = InsertExpected(table.relation, file);
  if (row == 0) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a trigger of the files table skipped the row of the upload")));
  }
  HeapTupleHeader header = DatumGetHeapTupleHeader(row);
  InsertedId id;
  bool is_null;
  const text* key = DatumGetTextPP(GetAttributeByNum(header, 2, &is_null));
  if (is_null || Utf8(key) != Utf8(file.object_key)) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a trigger of the files table changed the key of the upload")));
  }
  id.value = GetAttributeByNum(header, 1, &id.is_null);
  return id;
}

void Record(const Extension& extension, const GovernedTable& table, const SignedUpload& upload,
            const text* key, FunctionCallInfo fcinfo) {
  IssuedKey issued = {};
  issued.key = key;
  issued.content_type = TextArg(fcinfo, 1);
  issued.content_length = PG_ARGISNULL(5) ? -1 : PG_GETARG_INT64(5);
  issued.checksum_sha256 = PG_ARGISNULL(6) ? nullptr : PG_GETARG_BYTEA_PP(6);
  issued.part_size = -1;
  issued.expires_at = upload.expires_at;
  SPI_connect();
  RecordIssued(extension, table, issued);
  SPI_finish();
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_begin_upload);
Datum neon_s3_begin_upload(PG_FUNCTION_ARGS) {
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(RowExclusiveLock));
  ArgReader args(fcinfo);
  UploadConstraints constraints;
  const OptionalText file_name = args.Text();
  constraints.content_type = args.Text();
  args.Text();  // user_id
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText key_prefix = args.Text();
  constraints.content_length = args.BigInt();
  constraints.checksum_sha256 = args.Bytes();
  constraints.overwrite = args.Boolean(false);
  Jsonb* columns = args.Json();
  if (!file_name) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("file_name is null")));
  }
  CheckLimits(extension, table, constraints);

  const Target target = TargetOf(table);
  const SignedUpload& upload =
      SignUpload({Operation::kBeginUpload, Utf8(table.key_prefix), key_prefix.value_or(""),
                  *file_name, constraints, &target, expires_in});
  // Before any trigger or policy of the table can sign something else.
  const Datum url = UrlDatum(upload.url.presigned);
  const Datum key = TextDatum(upload.object_key);
  const Datum file_url = TextDatum(upload.public_url);
  const InsertedId id = InsertRow(table, {DatumGetTextPP(key), DatumGetTextPP(file_url),
                                          TextArg(fcinfo, 2), nullptr, nullptr, columns});
  Record(extension, table, upload, DatumGetTextPP(key), fcinfo);

  Datum values[] = {id.value,
                    key,
                    file_url,
                    TextDatum("PUT"),
                    url,
                    HeadersDatum(*upload.headers),
                    TimestampTzGetDatum(upload.expires_at)};
  bool nulls[lengthof(values)] = {id.is_null};
  return RowDatum(fcinfo, values, nulls);
}

NEON_S3_FUNCTION(neon_s3_file_url);
Datum neon_s3_file_url(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(AccessShareLock));
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText download_as = args.Text();

  SPI_connect();
  const bool may_download = SelectsRow(table.relation, PG_GETARG_TEXT_PP(0));
  SPI_finish();
  if (!may_download) RefuseRow(PG_GETARG_TEXT_PP(0));

  const Target target = TargetOf(table);
  const TimestampTz now = GetCurrentTimestamp();
  SignedUrl url;
  Guard([&] {
    Session& session = Session::Get();
    PresignRequest& request = session.NewRequest();
    if (download_as) {
      AddQueryParameter("response-content-disposition", AttachmentDisposition(*download_as),
                        &request.query);
    }
    url = session.Sign(&request,
                       {Operation::kFileUrl, "GET", key, &target, expires_in, ToUnixSeconds(now)});
  });
  WarnIfClamped(url.expiry);
  return UrlDatum(url.presigned);
}

}  // namespace neon_s3

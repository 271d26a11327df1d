// s3_begin_upload and s3_file_url, which row-level security of the files table gates.
#include "core/content_disposition.h"
#include "pg/boundary.h"
#include "pg/ledger.h"
#include "pg/new_upload.h"
#include "pg/result.h"
#include "pg/row_gate.h"
#include "pg/upload.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

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

  const Target target = OwnersTarget(table.owner, table.bucket, table.server);
  const SignedUpload& upload =
      SignUpload({Operation::kBeginUpload, Utf8(table.key_prefix), key_prefix.value_or(""),
                  *file_name, constraints, &target, expires_in});
  // Before any trigger or policy of the table can sign something else.
  const Datum url = UrlDatum(upload.url.presigned);
  const Datum key = TextDatum(upload.object_key);
  const Datum file_url = TextDatum(upload.public_url);
  const InsertedId id = InsertUpload(table, {DatumGetTextPP(key), DatumGetTextPP(file_url),
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

  const Target target = OwnersTarget(table.owner, table.bucket, table.server);
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
  ReportSigned(url.expiry);
  return UrlDatum(url.presigned);
}

}  // namespace neon_s3

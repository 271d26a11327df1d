// s3_presign_upload and s3_save_metadata.
#include <string>

#include "core/object_key.h"
#include "pg/boundary.h"
#include "pg/resolve_target.h"
#include "pg/files_table.h"
#include "pg/result.h"
#include "pg/session.h"
#include "pg/upload.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

text* TextArg(FunctionCallInfo fcinfo, int n) {
  return PG_ARGISNULL(n) ? nullptr : PG_GETARG_TEXT_PP(n);
}

void CheckKey(std::string_view key) {
  Guard([&] { ValidateObjectKey(key); });
}

// As s3_public_url(key) gives it.
text* PublicUrl(std::string_view key) {
  const Target target = ResolveTarget(std::nullopt, OptionalText());
  auto& url = Owned<std::string>();
  Guard([&] { AppendPublicUrl(target, nullptr, key, &url); });
  return DatumGetTextPP(TextDatum(url));
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_presign_upload);
Datum neon_s3_presign_upload(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  UploadConstraints constraints;
  const OptionalText file_name = args.Text();
  constraints.content_type = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText key_prefix = args.Text();
  constraints.content_length = args.BigInt();
  constraints.checksum_sha256 = args.Bytes();
  constraints.overwrite = args.Boolean(true);
  const Target target = ReadTarget(args);
  const SignedUpload& upload = SignUpload({Operation::kPresignUpload, "", key_prefix.value_or(""),
                                           *file_name, constraints, &target, expires_in});
  Datum values[] = {TextDatum("PUT"),
                    UrlDatum(upload.url.presigned),
                    HeadersDatum(*upload.headers),
                    TextDatum(upload.object_key),
                    TextDatum(upload.public_url),
                    TimestampTzGetDatum(upload.expires_at)};
  bool nulls[lengthof(values)] = {};
  return RowDatum(fcinfo, values, nulls);
}

NEON_S3_FUNCTION(neon_s3_save_metadata);
Datum neon_s3_save_metadata(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  if (key) CheckKey(*key);
  NewFile file = {TextArg(fcinfo, 0),
                  TextArg(fcinfo, 1),
                  TextArg(fcinfo, 2),
                  TextArg(fcinfo, 3),
                  nullptr,
                  nullptr};
  if (key && file.file_url == nullptr) file.file_url = PublicUrl(*key);
  const int64 size = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
  if (!PG_ARGISNULL(4)) file.size = &size;

  // A copy: the table's triggers may call other functions.
  TupleDesc result = CreateTupleDescCopy(ResultDesc(fcinfo));
  const Datum row = InsertFile(LockFilesTable(RowExclusiveLock), file, result);
  if (row == 0) PG_RETURN_NULL();
  PG_RETURN_DATUM(row);
}

}  // namespace neon_s3

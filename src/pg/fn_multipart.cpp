// s3_create_multipart_upload, s3_complete_multipart_upload, s3_abort_multipart_upload.
#include <utility>

#include "core/part_list.h"
#include "net/multipart.h"
#include "pg/result.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

namespace neon_s3 {

NEON_S3_FUNCTION(neon_s3_create_multipart_upload);
Datum neon_s3_create_multipart_upload(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText content_type = args.Text();
  const FieldArgs metadata = args.Fields("metadata");
  const Target target = ReadTarget(args);
  const FieldArgs headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kCreateMultipartUpload, key, target);
  auto& upload_id = Owned<std::string>();
  call.Run([&](S3Client& s3) {
    const ObjectAttributes attributes = AttributesOf(content_type, metadata);
    S3Request request = CreateMultipartUpload(call.bucket(), *key, attributes);
    HeadersOf(headers, kWithCreateUpload).AddTo(kWithCreateUpload, &request);
    upload_id = ParseUploadId(s3.Call(std::move(request)).body);
  });
  const Datum result = TextDatum(upload_id);
  call.Finish();
  return result;
}

NEON_S3_FUNCTION(neon_s3_complete_multipart_upload);
Datum neon_s3_complete_multipart_upload(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText upload_id = args.Text();
  const OptionalText parts = args.JsonText();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kCompleteMultipartUpload, key, target);
  auto& written = Owned<WrittenObject>();
  call.Run([&](S3Client& s3) {
    written = CompleteUpload(s3, call.bucket(), *key, *upload_id, ParsePartList(*parts), true);
  });
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_abort_multipart_upload);
Datum neon_s3_abort_multipart_upload(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText upload_id = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kAbortMultipartUpload, key, target);
  call.Run([&](S3Client& s3) { AbortUpload(s3, call.bucket(), *key, *upload_id); });
  call.Finish();
  PG_RETURN_VOID();
}

}  // namespace neon_s3

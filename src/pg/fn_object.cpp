// s3_put_object, s3_get_object, s3_head_object, s3_object_exists, s3_copy_object, s3_delete_object.
#include <utility>

#include "core/error.h"
#include "pg/copy.h"
#include "pg/result.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

Datum ObjectRow(FunctionCallInfo fcinfo, std::string_view key, const ObjectInfo& object) {
  JsonBuilder metadata;
  metadata.BeginObject();
  for (const auto& [name, value] : object.metadata) metadata.Member(name, value);
  metadata.EndObject();
  Row row;
  row.Text(key);
  row.BigIntOrNull(object.size.value_or(-1));
  row.TextOrNull(object.etag);
  row.TextOrNull(object.content_type);
  row.Time(object.last_modified);
  row.TextOrNull(object.version_id);
  row.TextOrNull(object.storage_class);
  row.Add(JsonbPGetDatum(metadata.Finish()), false);
  return row.Finish(fcinfo);
}

S3Reply NextReply(S3Client& s3) {
  S3Reply reply = s3.Next();
  if (reply.error) throw *reply.error;
  return reply;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_put_object);
Datum neon_s3_put_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText body = args.Bytes();
  const OptionalText content_type = args.Text();
  const FieldArgs metadata = args.Fields("metadata");
  const bool overwrite = args.Boolean(true);
  const Target target = ReadTarget(args);
  const FieldArgs headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kPutObject, key, target);
  auto& written = Owned<WrittenObject>();
  call.ShowBytesTotal(static_cast<std::int64_t>(body->size()));
  call.Run([&](S3Client& s3) {
    S3Request request =
        PutObject(call.bucket(), *key, *body, AttributesOf(content_type, metadata), overwrite);
    HeadersOf(headers, kWithPut).AddTo(kWithPut, &request);
    written = ParseWrittenObject(s3.Call(std::move(request)));
  });
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_get_object);
Datum neon_s3_get_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const std::optional<std::int64_t> start = args.NonNegative("range_start");
  const std::optional<std::int64_t> length = args.NonNegative("range_length");
  const OptionalText version_id = args.Text();
  const Target target = ReadTarget(args);
  const FieldArgs headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kGetObject, key, target);
  auto& reply = Owned<S3Reply>();
  bytea* body = nullptr;
  call.Run([&](S3Client& s3) {
    const std::string_view version = version_id.value_or(std::string_view());
    // HTTP has no way to ask for zero bytes; whether the object exists is asked all the same.
    const bool nothing = length && *length == 0;
    S3Request request = nothing ? HeadObject(call.bucket(), *key, version)
                                : GetObject(call.bucket(), *key, version);
    if (!nothing && (start || length)) SetRange({start.value_or(0), length}, &request);
    HeadersOf(headers, kWithGet).AddTo(nothing ? kWithHead : kWithGet, &request);
    request.lends_memory = true;
    s3.Submit(0, std::move(request));
    reply = NextReply(s3);
  });
  while (reply.memory_wanted > 0) {
    if (body != nullptr) pfree(body);
    body = static_cast<bytea*>(palloc(reply.memory_wanted + VARHDRSZ));
    call.Run([&](S3Client& s3) {
      s3.Lend(0, VARDATA(body));
      reply = NextReply(s3);
    });
  }
  const std::size_t placed = reply.response.placed;
  if (placed > 0) SET_VARSIZE(body, placed + VARHDRSZ);
  const Datum result = placed > 0 ? PointerGetDatum(body) : ByteaDatum(reply.response.body);
  call.Finish();
  return result;
}

NEON_S3_FUNCTION(neon_s3_head_object);
Datum neon_s3_head_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText version_id = args.Text();
  const Target target = ReadTarget(args);
  const FieldArgs headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kHeadObject, key, target);
  auto& object = Owned<ObjectInfo>();
  call.Run([&](S3Client& s3) {
    const std::string_view version = version_id.value_or(std::string_view());
    S3Request request = HeadObject(call.bucket(), *key, version);
    HeadersOf(headers, kWithHead).AddTo(kWithHead, &request);
    object = ParseObjectInfo(s3.Call(std::move(request)));
  });
  const Datum row = ObjectRow(fcinfo, *key, object);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_object_exists);
Datum neon_s3_object_exists(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const Target target = ReadTarget(args);

  bool exists;
  S3Call& call = S3Call::Begin(Operation::kObjectExists, key, target);
  call.Run([&](S3Client& s3) { exists = Exists(s3, HeadObject(call.bucket(), *key)); });
  call.Finish();
  PG_RETURN_BOOL(exists);
}

NEON_S3_FUNCTION(neon_s3_copy_object);
Datum neon_s3_copy_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  CopyArgs copy;
  copy.source_key = args.Text();
  copy.key = args.Text();
  copy.source_bucket = args.Text();
  const Target target = ReadTarget(args);
  copy.headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kCopyObject, copy.key, target);
  auto& written = Owned<WrittenObject>();
  Copy(call, copy, &written);
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_delete_object);
Datum neon_s3_delete_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText version_id = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kDeleteObject, key, target);
  call.Run([&](S3Client& s3) {
    s3.Call(DeleteObject(call.bucket(), *key, version_id.value_or(std::string_view())));
  });
  call.Finish();
  PG_RETURN_VOID();
}

}  // namespace neon_s3

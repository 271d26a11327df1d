// s3_list_objects, s3_list_parts, s3_list_multipart_uploads, s3_list_buckets: page by page.
#include "core/error_reply.h"
#include "pg/listing.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

struct ObjectListing {
  using Item = ListedObject;

  S3Request Request(std::string_view bucket, int max_keys) {
    options.continuation_token = token;
    options.max_keys = max_keys;
    return ListObjects(bucket, options);
  }

  std::vector<ListedObject> Parse(std::string_view body) {
    ObjectPage page = ParseObjectPage(body);
    token = std::move(page.continuation_token);
    return std::move(page.objects);
  }

  const std::string& marker() const { return token; }

  static void PutRow(FunctionCallInfo fcinfo, const ListedObject& object) {
    Row row;
    row.Text(object.key);
    row.BigIntOrNull(object.is_prefix ? -1 : object.size);
    row.TextOrNull(object.etag);
    row.Time(object.last_modified);
    row.TextOrNull(object.storage_class);
    row.Boolean(object.is_prefix);
    row.Put(fcinfo);
  }

  ListOptions options;
  std::string token;
};

void PutRow(FunctionCallInfo fcinfo, const ListedPart& part) {
  Row row;
  row.Integer(part.part_number);
  row.BigInt(part.size);
  row.TextOrNull(part.etag);
  row.Time(part.last_modified);
  row.Put(fcinfo);
}

void PutRow(FunctionCallInfo fcinfo, const ListedUpload& upload) {
  Row row;
  row.Text(upload.key);
  row.Text(upload.upload_id);
  row.Time(upload.initiated);
  row.TextOrNull(upload.storage_class);
  row.Put(fcinfo);
}

void PutRow(FunctionCallInfo fcinfo, const ListedBucket& bucket) {
  Row row;
  row.Text(bucket.name);
  row.Time(bucket.created);
  row.Put(fcinfo);
}

template <typename Items>
void PutRows(FunctionCallInfo fcinfo, ScratchMemory& memory, const Items& items) {
  memory.Enter();
  for (const auto& item : items) PutRow(fcinfo, item);
  memory.Leave();
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_list_objects);
Datum neon_s3_list_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText prefix = args.Text();
  const OptionalText delimiter = args.Text();
  const OptionalText start_after = args.Text();
  const std::optional<std::int64_t> max_keys = args.NonNegative("max_keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListObjects, prefix, target);
  const ListOptions options = {prefix.value_or(std::string_view()), delimiter, start_after, {}, 0};
  PutListing<ObjectListing>(fcinfo, call, {options, {}}, max_keys);
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_list_parts);
Datum neon_s3_list_parts(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText upload_id = args.Text();
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  if (!key || !upload_id) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kListParts, key, target);
  auto& page = Owned<PartPage>();
  ScratchMemory memory;
  int marker = 0;
  for (bool more = true; more;) {
    call.Run([&](S3Client& s3) {
      page = ParsePartPage(s3.Call(ListParts(call.bucket(), *key, *upload_id, marker)).body);
      more = page.next_marker.has_value();
      if (more && *page.next_marker <= marker) RaiseMalformedReply("Its pages repeat.");
      marker = page.next_marker.value_or(0);
    });
    PutRows(fcinfo, memory, page.parts);
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_list_multipart_uploads);
Datum neon_s3_list_multipart_uploads(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText prefix = args.Text();
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListMultipartUploads, prefix, target);
  auto& page = Owned<UploadPage>();
  auto& guard = Owned<ListingGuard>();
  ScratchMemory memory;
  for (bool more = true; more;) {
    call.Run([&](S3Client& s3) {
      const S3Request request =
          ListMultipartUploads(call.bucket(), prefix.value_or(std::string_view()),
                               page.next_key_marker, page.next_upload_id_marker);
      page = ParseUploadPage(s3.Call(request).body);
      more = !page.next_key_marker.empty();
      if (!more) return;
      guard.Check(page.next_key_marker + '\0' + page.next_upload_id_marker, page.uploads.size());
    });
    PutRows(fcinfo, memory, page.uploads);
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_list_buckets);
Datum neon_s3_list_buckets(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const Target target = ResolveTarget({}, args.ServerText());
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListBuckets, {}, target);
  auto& buckets = Owned<std::vector<ListedBucket>>();
  call.Run([&](S3Client& s3) { buckets = ParseBucketList(s3.Call(ListBuckets()).body); });
  ScratchMemory memory;
  PutRows(fcinfo, memory, buckets);
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

// s3_list_objects, s3_list_parts, s3_list_multipart_uploads, s3_list_buckets: page by page.
#include <algorithm>

#include "core/error_reply.h"
#include "core/listing_guard.h"
#include "pg/result.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kPageSize = 1000;

struct ListArgs {
  OptionalText prefix, delimiter, start_after;
  std::optional<std::int64_t> max_keys;
};

// The next page is asked for before the rows of this one are made, and comes in meanwhile.
class Listing {
 public:
  void Start(const ListArgs& args, std::string_view bucket, S3Client& s3) {
    bucket_ = bucket;
    options_.prefix = args.prefix.value_or(std::string_view());
    options_.delimiter = args.delimiter;
    options_.start_after = args.start_after;
    left_ = args.max_keys;
    Ask(s3);
  }

  bool done() const { return !is_asked_; }
  const ObjectPage& page() const { return page_; }

  void Advance(S3Client& s3) {
    const S3Reply reply = s3.Next();
    if (reply.error) throw *reply.error;
    is_asked_ = false;
    page_ = ParseObjectPage(reply.response.body);
    if (left_) {
      const auto wanted = static_cast<std::size_t>(*left_);
      if (page_.objects.size() > wanted) page_.objects.resize(wanted);
      *left_ -= static_cast<std::int64_t>(page_.objects.size());
    }
    if (page_.continuation_token.empty()) return;
    guard_.Check(page_.continuation_token, page_.objects.size());
    token_ = page_.continuation_token;
    options_.continuation_token = token_;
    Ask(s3);
  }

 private:
  void Ask(S3Client& s3) {
    if (left_ && *left_ == 0) return;
    options_.max_keys = static_cast<int>(std::min(left_.value_or(kPageSize), kPageSize));
    s3.Submit(0, ListObjects(bucket_, options_));
    s3.Poll();
    is_asked_ = true;
  }

  std::string bucket_;
  ListOptions options_;
  std::optional<std::int64_t> left_;  // keys still wanted
  ObjectPage page_;
  std::string token_;
  ListingGuard guard_;
  bool is_asked_ = false;
};

void PutRow(FunctionCallInfo fcinfo, const ListedObject& object) {
  Row row;
  row.Text(object.key);
  row.BigIntOrNull(object.is_prefix ? -1 : object.size);
  row.TextOrNull(object.etag);
  row.Time(object.last_modified);
  row.TextOrNull(object.storage_class);
  row.Boolean(object.is_prefix);
  row.Put(fcinfo);
}

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

// In between, the next page is moved on.
void PutObjects(FunctionCallInfo fcinfo, ScratchMemory& memory, S3Call& call,
                const Listing& listing) {
  constexpr std::size_t kRowsAtOnce = 200;
  const std::vector<ListedObject>& objects = listing.page().objects;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (i % kRowsAtOnce == 0) {
      if (i > 0) memory.Leave();
      if (!listing.done()) call.Run([](S3Client& s3) { s3.Poll(); });
      memory.Enter();
    }
    PutRow(fcinfo, objects[i]);
  }
  if (!objects.empty()) memory.Leave();
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_list_objects);
Datum neon_s3_list_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  ListArgs list;
  list.prefix = args.Text();
  list.delimiter = args.Text();
  list.start_after = args.Text();
  list.max_keys = args.NonNegative("max_keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListObjects, list.prefix, target);
  auto& listing = Owned<Listing>();
  call.Run([&](S3Client& s3) { listing.Start(list, call.bucket(), s3); });
  ScratchMemory memory;
  std::int64_t listed = 0;
  while (!listing.done()) {
    call.Run([&](S3Client& s3) { listing.Advance(s3); });
    PutObjects(fcinfo, memory, call, listing);
    listed += static_cast<std::int64_t>(listing.page().objects.size());
    call.ShowItems(listed, -1);
  }
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

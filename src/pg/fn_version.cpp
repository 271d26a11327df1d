// s3_list_object_versions, s3_delete_object_versions, s3_restore_version, s3_move_object.
#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/listing_guard.h"
#include "core/object_key.h"
#include "pg/batch.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

struct VersionArgs {
  OptionalText prefix;
  std::optional<std::int64_t> max_keys;
};

class VersionListing {
 public:
  bool done() const { return is_done_; }
  const std::vector<ListedVersion>& versions() const { return page_.versions; }

  // The next page. kMalformedReply if pages lead in a circle.
  void Advance(const VersionArgs& args, std::string_view bucket, S3Client& s3) {
    const std::int64_t left = args.max_keys.value_or(kPageSize) - listed_;
    const std::int64_t size = args.max_keys ? std::min(left, kPageSize) : kPageSize;
    if (size == 0) return Stop();
    const VersionPage last = std::move(page_);
    page_ = ParseVersionPage(
        s3.Call(ListObjectVersions(bucket,
                                   {args.prefix.value_or(std::string_view()), last.next_key_marker,
                                    last.next_version_id_marker, static_cast<int>(size)}))
            .body);
    if (args.max_keys && page_.versions.size() > static_cast<std::size_t>(size)) {
      page_.versions.resize(static_cast<std::size_t>(size));
    }
    listed_ += static_cast<std::int64_t>(page_.versions.size());
    is_done_ = page_.next_key_marker.empty();
    if (is_done_) return;
    guard_.Check(page_.next_key_marker + '\0' + page_.next_version_id_marker,
                 page_.versions.size());
  }

  std::int64_t listed() const { return listed_; }

 private:
  static constexpr std::int64_t kPageSize = 1000;

  void Stop() {
    page_ = {};
    is_done_ = true;
  }

  VersionPage page_;
  ListingGuard guard_;
  std::int64_t listed_ = 0;
  bool is_done_ = false;
};

void PutRow(FunctionCallInfo fcinfo, const ListedVersion& version) {
  Row row;
  row.Text(version.key);
  row.Text(version.version_id);
  row.Boolean(version.is_latest);
  row.Boolean(version.is_delete_marker);
  row.BigIntOrNull(version.is_delete_marker ? -1 : version.size);
  row.TextOrNull(version.etag);
  row.Time(version.last_modified);
  row.TextOrNull(version.storage_class);
  row.Put(fcinfo);
}

void PutRow(FunctionCallInfo fcinfo, std::string_view key, std::string_view version_id,
            const DeletedObject& object) {
  Row row;
  row.Text(key);
  row.Text(version_id);
  row.Boolean(object.code.empty());
  row.TextOrNull(object.code);
  row.TextOrNull(object.message);
  row.Put(fcinfo);
}

void CheckVersions(const TextArgs& keys, const TextArgs& version_ids) {
  if (keys.count != version_ids.count) {
    throw Error(ErrorCode::kBadArgument, std::to_string(keys.count) + " keys, but " +
                                             std::to_string(version_ids.count) + " version_ids");
  }
  for (const std::string_view key : keys) ValidateObjectKey(key);
  for (const std::string_view id : version_ids) {
    // S3 would take it for no version at all, and hide the newest one.
    if (id.empty()) throw Error(ErrorCode::kBadArgument, "a version_id is empty");
  }
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_list_object_versions);
Datum neon_s3_list_object_versions(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  VersionArgs list;
  list.prefix = args.Text();
  list.max_keys = args.NonNegative("max_keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListObjectVersions, list.prefix, target);
  auto& listing = Owned<VersionListing>();
  ScratchMemory memory;
  while (!listing.done()) {
    call.Run([&](S3Client& s3) { listing.Advance(list, call.bucket(), s3); });
    memory.Enter();
    for (const ListedVersion& version : listing.versions()) PutRow(fcinfo, version);
    memory.Leave();
    call.ShowItems(listing.listed(), -1);
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_delete_object_versions);
Datum neon_s3_delete_object_versions(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const TextArgs keys = args.Texts("keys");
  const TextArgs version_ids = args.Texts("version_ids");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  if (keys.is_null || version_ids.is_null) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kDeleteObjectVersions, {}, target);
  auto& batch = Owned<BatchDelete>();
  Guard([&] {
    CheckVersions(keys, version_ids);
    batch.Plan(call.bucket(), keys.texts, keys.count, version_ids.texts);
  });
  ScratchMemory memory;
  for (; !batch.done(); batch.Pop()) {
    ShowKeys(call, batch.first(), keys);
    call.Run([&](S3Client& s3) { batch.Advance(s3); });
    memory.Enter();
    std::size_t i = batch.first();
    for (const DeletedObject& object : batch.deleted()) {
      PutRow(fcinfo, keys.texts[i], version_ids.texts[i], object);
      ++i;
    }
    memory.Leave();
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_restore_version);
Datum neon_s3_restore_version(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText version_id = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kRestoreVersion, key, target);
  auto& written = Owned<WrittenObject>();
  call.Run([&](S3Client& s3) {
    ValidateObjectKey(*key);
    if (version_id->empty()) throw Error(ErrorCode::kBadArgument, "version_id is empty");
    written = ParseWrittenDocument(
        s3.Call(CopyObject(call.bucket(), *key, call.bucket(), *key, *version_id)));
  });
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_move_object);
Datum neon_s3_move_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText source_key = args.Text();
  const OptionalText key = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kMoveObject, key, target);
  auto& written = Owned<WrittenObject>();
  call.Run([&](S3Client& s3) {
    ValidateObjectKey(*source_key);
    ValidateObjectKey(*key);
    if (*source_key == *key) {
      throw Error(ErrorCode::kBadArgument,
                  "source_key and key are both \"" + std::string(*key) + "\"");
    }
    written =
        ParseWrittenDocument(s3.Call(CopyObject(call.bucket(), *source_key, call.bucket(), *key)));
    s3.Call(DeleteObject(call.bucket(), *source_key));
  });
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

}  // namespace neon_s3

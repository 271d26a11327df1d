// s3_list_object_versions, s3_delete_object_versions, s3_restore_version, s3_move_object.
#include <string>
#include <utility>

#include "core/error.h"
#include "core/object_key.h"
#include "pg/batch.h"
#include "pg/copy.h"
#include "pg/listing.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

struct VersionListing {
  using Item = ListedVersion;

  S3Request Request(std::string_view bucket, int max_keys) {
    return ListObjectVersions(bucket, {prefix, key_marker, version_id_marker, max_keys});
  }

  std::vector<ListedVersion> Parse(std::string_view body) {
    VersionPage page = ParseVersionPage(body);
    key_marker = std::move(page.next_key_marker);
    version_id_marker = std::move(page.next_version_id_marker);
    return std::move(page.versions);
  }

  std::string marker() const {
    return key_marker.empty() ? std::string() : key_marker + '\0' + version_id_marker;
  }

  static void PutRow(FunctionCallInfo fcinfo, const ListedVersion& version) {
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

  std::string_view prefix;
  std::string key_marker, version_id_marker;
};

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
  const OptionalText prefix = args.Text();
  const std::optional<std::int64_t> max_keys = args.NonNegative("max_keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);

  S3Call& call = S3Call::Begin(Operation::kListObjectVersions, prefix, target);
  PutListing<VersionListing>(fcinfo, call, {prefix.value_or(std::string_view()), {}, {}}, max_keys);
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
  CopyArgs copy;
  copy.key = copy.source_key = args.Text();
  copy.source_version = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kRestoreVersion, copy.key, target);
  auto& written = Owned<WrittenObject>();
  Guard([&] {
    ValidateObjectKey(*copy.key);
    if (copy.source_version->empty()) throw Error(ErrorCode::kBadArgument, "version_id is empty");
  });
  Copy(call, copy, &written);
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_move_object);
Datum neon_s3_move_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  CopyArgs copy;
  copy.source_key = args.Text();
  copy.key = args.Text();
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kMoveObject, copy.key, target);
  auto& written = Owned<WrittenObject>();
  Guard([&] {
    ValidateObjectKey(*copy.source_key);
    ValidateObjectKey(*copy.key);
    if (*copy.source_key == *copy.key) {
      throw Error(ErrorCode::kBadArgument,
                  "source_key and key are both \"" + std::string(*copy.key) + "\"");
    }
  });
  Copy(call, copy, &written);
  call.Run([&](S3Client& s3) { s3.Call(DeleteObject(call.bucket(), *copy.source_key)); });
  const Datum row = WrittenRow(fcinfo, written);
  call.Finish();
  return row;
}

}  // namespace neon_s3

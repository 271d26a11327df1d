// s3_head_objects, s3_delete_objects: many objects, several requests at once, rows in the order of
// the keys.
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/object_key.h"
#include "pg/batch.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- s3_head_objects

struct Head {
  bool found = false;
  std::optional<ObjectInfo> object;  // none: not found, or the reply was malformed
  std::string error;
};

Head HeadOf(const S3Reply& reply) {
  if (reply.error) {
    if (reply.error->status() == 404) return {};
    RaiseIfCommon(*reply.error);
    return {false, {}, DescribeError(*reply.error)};
  }
  try {
    return {true, ParseObjectInfo(reply.response), {}};
  } catch (const Error& error) {
    return {true, {}, DescribeError(error)};
  }
}

void PutRow(FunctionCallInfo fcinfo, std::string_view key, const Head& head) {
  Row row;
  row.Text(key);
  row.Boolean(head.found);
  row.BigIntOrNull(head.object ? head.object->size.value_or(-1) : -1);
  row.TextOrNull(head.object ? std::string_view(head.object->etag) : std::string_view());
  row.TextOrNull(head.object ? std::string_view(head.object->content_type) : std::string_view());
  row.Time(head.object ? head.object->last_modified : std::nullopt);
  row.TextOrNull(head.error);
  row.Put(fcinfo);
}

// ---------------------------------------------------------------- s3_delete_objects

void PutRow(FunctionCallInfo fcinfo, std::string_view key, const DeletedObject& object) {
  Row row;
  row.Text(key);
  row.Boolean(object.code.empty());
  row.TextOrNull(object.code);
  row.TextOrNull(object.message);
  row.Put(fcinfo);
}

}  // namespace

void ShowKeys(const S3Call& call, std::size_t done, const TextArgs& keys) {
  call.ShowItems(static_cast<std::int64_t>(done), static_cast<std::int64_t>(keys.count));
}

NEON_S3_FUNCTION(neon_s3_head_objects);
Datum neon_s3_head_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const TextArgs keys = args.Texts("keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  if (keys.is_null) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kHeadObjects, {}, target);
  auto& heads = Owned<InOrder<Head>>();
  Guard([&] {
    for (const std::string_view key : keys) ValidateObjectKey(key);
  });
  ScratchMemory memory;
  for (std::size_t i = 0; i < keys.count; ++i) {
    ShowKeys(call, i, keys);
    call.Run([&](S3Client& s3) {
      const auto submit = [&](std::size_t id) {
        s3.Submit(id, HeadObject(call.bucket(), keys.texts[id]));
      };
      heads.Advance(keys.count, kBatchWindow, s3, submit, HeadOf);
    });
    memory.Enter();
    PutRow(fcinfo, keys.texts[i], heads.Front());
    memory.Leave();
    heads.Pop();
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_delete_objects);
Datum neon_s3_delete_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const TextArgs keys = args.Texts("keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  if (keys.is_null) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kDeleteObjects, {}, target);
  auto& batch = Owned<BatchDelete>();
  Guard([&] {
    for (const std::string_view key : keys) ValidateObjectKey(key);
    batch.Plan(call.bucket(), keys.texts, keys.count);
  });
  ScratchMemory memory;
  for (; !batch.done(); batch.Pop()) {
    ShowKeys(call, batch.first(), keys);
    call.Run([&](S3Client& s3) { batch.Advance(s3); });
    memory.Enter();
    const std::string_view* key = keys.texts + batch.first();
    for (const DeletedObject& object : batch.deleted()) PutRow(fcinfo, *key++, object);
    memory.Leave();
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

// s3_head_objects, s3_delete_objects: many objects, several requests at once, rows in the order of
// the keys.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/object_key.h"
#include "core/xml.h"
#include "pg/batch.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- s3_head_objects

struct Head {
  bool found = false;
  std::optional<ObjectInfo> object;  // none: not found, or told in a way that nobody understands
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
  row.BigIntOrNull(head.object ? head.object->size : -1);
  row.TextOrNull(head.object ? std::string_view(head.object->etag) : std::string_view());
  row.TextOrNull(head.object ? std::string_view(head.object->content_type) : std::string_view());
  row.Time(head.object ? head.object->last_modified : std::nullopt);
  row.TextOrNull(head.error);
  row.Put(fcinfo);
}

// ---------------------------------------------------------------- s3_delete_objects

// Keys that one request deletes. Those that XML has no way to write go one by one.
struct Span {
  std::size_t first, count;
};

std::vector<Span> SplitKeys(const TextArgs& keys) {
  constexpr std::size_t kMost = 1000, kLeast = 100;
  // As many requests as can be under way at once, unless that makes them tiny.
  const std::size_t size = std::clamp(keys.count / S3Limits().max_in_flight, kLeast, kMost);
  std::vector<Span> spans;
  bool may_grow = false;
  for (std::size_t i = 0; i < keys.count; ++i) {
    const bool is_plain = CanBeInXml(keys.texts[i]);
    if (is_plain && may_grow && spans.back().count < size) {
      ++spans.back().count;
    } else {
      spans.push_back({i, 1});
    }
    may_grow = is_plain;
  }
  return spans;
}

S3Request DeleteSpan(std::string_view bucket, const TextArgs& keys, const Span& span) {
  const std::string_view* first = keys.texts + span.first;
  if (span.count == 1) return DeleteObject(bucket, *first);
  return DeleteObjects(bucket, std::vector<std::string_view>(first, first + span.count));
}

// One of each key of the span.
std::vector<DeletedObject> DeletedOf(const S3Reply& reply, const TextArgs& keys, const Span& span) {
  std::vector<DeletedObject> deleted(span.count);
  if (reply.error) {
    RaiseIfCommon(*reply.error);
    // Of many keys, DeleteObjects would have told those that fail.
    if (span.count > 1 || reply.error->status() / 100 != 4) throw *reply.error;
    deleted[0] = {{}, CodeOf(*reply.error), DescribeError(*reply.error)};
    return deleted;
  }
  if (span.count == 1) return deleted;
  std::map<std::string, DeletedObject> mentioned;
  for (DeletedObject& object : ParseDeleteResult(reply.response.body)) {
    std::string key = object.key;
    mentioned[std::move(key)] = std::move(object);
  }
  for (std::size_t i = 0; i < span.count; ++i) {
    const auto found = mentioned.find(std::string(keys.texts[span.first + i]));
    deleted[i] = found != mentioned.end()
                     ? found->second
                     : DeletedObject{{}, "NotMentioned", "the reply does not have this key"};
  }
  return deleted;
}

void PutRow(FunctionCallInfo fcinfo, std::string_view key, const DeletedObject& object) {
  Row row;
  row.Text(key);
  row.Boolean(object.code.empty());
  row.TextOrNull(object.code);
  row.TextOrNull(object.message);
  row.Put(fcinfo);
}

struct DeleteBatch {
  std::vector<Span> spans;
  InOrder<std::vector<DeletedObject>> replies;
};

}  // namespace

void RaiseIfCommon(const S3Error& error) {
  const bool is_of_one_reply =
      error.code() == ErrorCode::kConnectionLost || error.code() == ErrorCode::kTooLarge;
  const bool is_common =
      error.status() == 0 ? !is_of_one_reply : error.code() == ErrorCode::kNoCredentials;
  if (is_common || error.s3_code() == "NoSuchBucket") throw error;
}

std::string CodeOf(const S3Error& error) {
  return error.s3_code().empty() ? "Failed" : error.s3_code();
}

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
  auto& batch = Owned<DeleteBatch>();
  Guard([&] {
    for (const std::string_view key : keys) ValidateObjectKey(key);
    batch.spans = SplitKeys(keys);
  });
  ScratchMemory memory;
  for (std::size_t i = 0; i < batch.spans.size(); ++i) {
    const Span& span = batch.spans[i];
    ShowKeys(call, span.first, keys);
    call.Run([&](S3Client& s3) {
      const auto submit = [&](std::size_t id) {
        s3.Submit(id, DeleteSpan(call.bucket(), keys, batch.spans[id]));
      };
      const auto outcome_of = [&](const S3Reply& reply) {
        return DeletedOf(reply, keys, batch.spans[reply.id]);
      };
      batch.replies.Advance(batch.spans.size(), kBatchWindow, s3, submit, outcome_of);
    });
    memory.Enter();
    const std::vector<DeletedObject>& deleted = batch.replies.Front();
    for (std::size_t key = 0; key < span.count; ++key)
      PutRow(fcinfo, keys.texts[span.first + key], deleted[key]);
    memory.Leave();
    batch.replies.Pop();
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

// s3_put_objects, s3_get_objects: many objects with their content, several requests at once, rows
// in the order of the keys.
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/object_key.h"
#include "pg/batch.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

// Content that is kept because that of an earlier key is missing.
constexpr std::size_t kMaxHeldBytes = 16 << 20;

struct Refusal {
  std::string code, message;  // empty: there is none
};

Refusal RefusalOf(const S3Error& error) {
  RaiseIfCommon(error);
  return {CodeOf(error), DescribeError(error)};
}

void PutRefusal(const Refusal& refusal, Row* row) {
  row->TextOrNull(refusal.code);
  row->TextOrNull(refusal.message);
}

// ---------------------------------------------------------------- s3_put_objects

struct Put {
  WrittenObject written;
  Refusal refusal;
};

Put PutOf(const S3Reply& reply) {
  if (reply.error) return {{}, RefusalOf(*reply.error)};
  return {ParseWrittenObject(reply.response), {}};
}

void PutRow(FunctionCallInfo fcinfo, std::string_view key, const Put& put) {
  Row row;
  row.Text(key);
  row.TextOrNull(put.written.etag);
  row.TextOrNull(put.written.version_id);
  PutRefusal(put.refusal, &row);
  row.Put(fcinfo);
}

// Two uploads of one key at once end in either order.
void RefuseDuplicates(const TextArgs& keys) {
  std::unordered_set<std::string_view> seen;
  for (const std::string_view key : keys) {
    if (seen.insert(key).second) continue;
    throw Error(ErrorCode::kBadArgument, "keys has \"" + std::string(key) + "\" more than once",
                "The objects are written at the same time, so either could be the last.");
  }
}

void CheckUploads(const TextArgs& keys, const TextArgs& bodies) {
  if (keys.count != bodies.count) {
    throw Error(ErrorCode::kBadArgument, "keys has " + std::to_string(keys.count) +
                                             " elements, bodies " + std::to_string(bodies.count));
  }
  for (const std::string_view key : keys) ValidateObjectKey(key);
  RefuseDuplicates(keys);
}

std::int64_t TotalSize(const TextArgs& bodies) {
  std::size_t total = 0;
  for (const std::string_view body : bodies) total += body.size();
  return static_cast<std::int64_t>(total);
}

// ---------------------------------------------------------------- s3_get_objects

struct Got {
  HttpResponse response;
  Refusal refusal;
};

void PutRow(FunctionCallInfo fcinfo, std::string_view key, const Got& got) {
  Row row;
  row.Text(key);
  got.refusal.code.empty() ? row.Add(ByteaDatum(got.response.body), false) : row.Null();
  PutRefusal(got.refusal, &row);
  row.Put(fcinfo);
}

class GetBatch {
 public:
  explicit GetBatch(const TextArgs& keys) : keys_(keys) {}

  // Until the next key's object is there.
  void Advance(std::string_view bucket, S3Client& s3) {
    const std::size_t at_once = S3Limits().max_in_flight;
    const auto may_submit = [&](std::size_t ahead, std::size_t under_way) {
      const bool has_room = kBatchWindow(ahead, under_way) && held_ < kMaxHeldBytes;
      return under_way < at_once && (ahead < at_once || has_room);
    };
    const auto submit = [&](std::size_t id) { s3.Submit(id, GetObject(bucket, keys_.texts[id])); };
    const auto outcome_of = [&](S3Reply reply) { return Take(std::move(reply)); };
    replies_.Advance(keys_.count, may_submit, s3, submit, outcome_of);
  }
  const Got& Front() const { return replies_.Front(); }
  void Pop() {
    held_ -= replies_.Front().response.body.size();
    replies_.Pop();
  }

 private:
  Got Take(S3Reply reply) {
    if (reply.error) return {{}, RefusalOf(*reply.error)};
    held_ += reply.response.body.size();
    return {std::move(reply.response), {}};
  }

  const TextArgs keys_;
  InOrder<Got> replies_;
  std::size_t held_ = 0;
};

}  // namespace

NEON_S3_FUNCTION(neon_s3_put_objects);
Datum neon_s3_put_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const TextArgs keys = args.Texts("keys");
  const TextArgs bodies = args.Bodies("bodies");
  const OptionalText content_type = args.Text();
  const FieldArgs metadata = args.Fields("metadata");
  const bool overwrite = args.Boolean(true);
  const Target target = ReadTarget(args);
  const FieldArgs header_fields = args.Fields("headers");
  BeginRows(fcinfo);
  if (keys.is_null || bodies.is_null) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kPutObjects, {}, target);
  call.ShowBytesTotal(TotalSize(bodies));
  auto& puts = Owned<InOrder<Put>>();
  auto& attributes = Owned<ObjectAttributes>();
  auto& headers = Owned<CallerHeaders>();
  Guard([&] {
    CheckUploads(keys, bodies);
    attributes = AttributesOf(content_type, metadata);
    headers = HeadersOf(header_fields, kWithPut);
  });
  ScratchMemory memory;
  for (std::size_t i = 0; i < keys.count; ++i) {
    ShowKeys(call, i, keys);
    call.Run([&](S3Client& s3) {
      const auto submit = [&](std::size_t id) {
        S3Request request =
            PutObject(call.bucket(), keys.texts[id], bodies.texts[id], attributes, overwrite);
        headers.AddTo(kWithPut, &request);
        s3.Submit(id, std::move(request));
      };
      puts.Advance(keys.count, kBatchWindow, s3, submit, PutOf);
    });
    memory.Enter();
    PutRow(fcinfo, keys.texts[i], puts.Front());
    memory.Leave();
    puts.Pop();
  }
  call.Finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_get_objects);
Datum neon_s3_get_objects(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const TextArgs keys = args.Texts("keys");
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  if (keys.is_null) PG_RETURN_NULL();

  S3Call& call = S3Call::Begin(Operation::kGetObjects, {}, target);
  auto& batch = Owned<GetBatch>(keys);
  Guard([&] {
    for (const std::string_view key : keys) ValidateObjectKey(key);
  });
  ScratchMemory memory;
  for (std::size_t i = 0; i < keys.count; ++i) {
    ShowKeys(call, i, keys);
    call.Run([&](S3Client& s3) { batch.Advance(call.bucket(), s3); });
    memory.Enter();
    PutRow(fcinfo, keys.texts[i], batch.Front());
    memory.Leave();
    batch.Pop();
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

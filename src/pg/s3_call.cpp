#include "pg/s3_call.h"

#include <chrono>
#include <ctime>

#include "core/error.h"
#include "net/endpoint_url.h"
#include "net/monotonic.h"
#include "pg/backend_state.h"
#include "pg/guc.h"
#include "pg/result.h"
#include "pg/sign.h"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// Never destroyed: a backend ends by _exit.
struct CallState {
  S3Client client;
  std::any kept;
};

CallState* call_state = nullptr;

// Of the call under way.
bool is_active = false;
bool is_begun = false;  // the client knows where to go
Operation active_operation;
Counters counters;
MonotonicTime began_at;
std::uintptr_t serial = 0;  // of the call begun last

// Or the database: a large object.
bool ChangesTheServer(Operation operation) {
  switch (operation) {
    case Operation::kGetObject:
    case Operation::kHeadObject:
    case Operation::kObjectExists:
    case Operation::kHeadObjects:
    case Operation::kListObjects:
    case Operation::kListParts:
    case Operation::kListMultipartUploads:
    case Operation::kBucketExists:
    case Operation::kListBuckets:
    case Operation::kGetBucketCors:
    case Operation::kGetBucketPolicy:
    case Operation::kGetPublicAccessBlock:
    case Operation::kGetBucketLifecycle:
    case Operation::kDoctor:
      return false;
    default:
      return true;
  }
}

void RefuseReadOnly(Operation operation) {
  char name[64];
  snprintf(name, sizeof name, "%s()", OperationName(operation));
  PreventCommandIfReadOnly(name);
}

void AddUsage() {
  const S3Usage& usage = call_state->client.usage();
  counters.requests += usage.requests;
  counters.retries += usage.retries;
  counters.bytes_sent += usage.bytes_sent;
  counters.bytes_received += usage.bytes_received;
}

// Neither throws nor raises.
void End(bool failed) {
  if (!is_active) return;
  is_active = false;
  counters.calls = 1;
  counters.errors = failed ? 1 : 0;
  counters.microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(MonotonicNow() - began_at).count();
  if (is_begun) {
    AddUsage();
    ErrorReport ignored;
    TryGuard([] { call_state->client.Drop(); }, &ignored);
  }
  if (call_state != nullptr) call_state->kept.reset();
  Count(active_operation, counters);
  EndProgress();
}

void OnReset(void* of_call) {
  if (reinterpret_cast<std::uintptr_t>(of_call) == serial) End(true);
}

void OnProgress(const S3Usage& usage) {
  SetBytesDone(usage.bytes_sent + usage.bytes_received);
  const bool is_download = active_operation == Operation::kGetObject;
  if (is_download && usage.bytes_announced > 0) SetBytesTotal(usage.bytes_announced);
}

}  // namespace

S3Call::S3Call(Operation operation, const OptionalText& key, const Target& target)
    : target_(&target) {
  if (ChangesTheServer(operation)) RefuseReadOnly(operation);
  auto* callback = static_cast<MemoryContextCallback*>(palloc0(sizeof(MemoryContextCallback)));
  End(true);
  callback->func = OnReset;
  callback->arg = reinterpret_cast<void*>(++serial);
  MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
  is_active = true;
  is_begun = false;
  counters = {};
  active_operation = operation;
  began_at = MonotonicNow();
  BeginProgress(operation, key.value_or(std::string_view()), GetCurrentTimestamp());
}

void S3Call::Finish() { End(false); }

S3Client& S3Call::Begin(S3Service service, S3Limits limits) {
  if (call_state == nullptr) call_state = new CallState();
  if (is_begun) AddUsage();
  is_begun = false;
  call_state->client.Begin(std::move(service), std::move(limits));
  is_begun = true;
  return call_state->client;
}

S3Client& S3Call::Client() {
  return is_begun ? call_state->client : Begin(MakeService(*target_), MakeLimits());
}

S3Client& S3Call::LastClient(bool is_cancelled) {
  S3Limits limits = MakeLimits();
  limits.request_timeout = std::chrono::milliseconds(is_cancelled ? 100 : 2000);
  limits.max_attempts = 1;
  return Begin(MakeService(*target_), std::move(limits));
}

std::any& S3Call::Kept() {
  if (call_state == nullptr) call_state = new CallState();
  return call_state->kept;
}

std::string_view S3Call::bucket() const { return RequireBucket(*target_); }

Datum WrittenRow(FunctionCallInfo fcinfo, const WrittenObject& written) {
  Row row;
  row.TextOrNull(written.etag);
  row.TextOrNull(written.version_id);
  return row.Finish(fcinfo);
}

WrittenObject Complete(S3Client& s3, std::string_view bucket, std::string_view key,
                       std::string_view upload_id, const std::vector<CompletedPart>& parts,
                       bool overwrite) {
  WrittenObject written = ParseWrittenDocument(
      s3.Call(CompleteMultipartUpload(bucket, key, upload_id, parts, overwrite)));
  if (written.etag.empty()) {
    written.etag = ParseObjectInfo(s3.Call(HeadObject(bucket, key, written.version_id))).etag;
  }
  return written;
}

bool Exists(S3Client& s3, S3Request request) {
  try {
    s3.Call(std::move(request));
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return false;
  }
}

std::string DescribeError(const Error& error) {
  if (error.detail().empty()) return error.what();
  return std::string(error.what()) + " (" + error.detail() + ")";
}

ObjectAttributes AttributesOf(const OptionalText& content_type, const FieldArgs& metadata) {
  ObjectAttributes attributes;
  attributes.content_type = content_type;
  for (const FieldArg& field : metadata) attributes.metadata.emplace_back(field.name, field.value);
  return attributes;
}

S3Service MakeService(const Target& target) {
  const Validity found = FindCredentials(BackendState::Get(), target, 0, std::time(nullptr));
  S3Service service;
  service.endpoint = S3Endpoint(target.endpoint, found.region);
  service.addressing_style = target.addressing_style;
  service.region = found.region;
  service.credentials.access_key_id = found.credentials.access_key_id;
  service.credentials.secret_access_key = found.credentials.secret_access_key;
  service.credentials.session_token = found.credentials.session_token;
  return service;
}

S3Limits MakeLimits() {
  const Settings& settings = CurrentSettings();
  S3Limits limits;
  limits.connect_timeout = std::chrono::milliseconds(settings.connect_timeout);
  limits.request_timeout = std::chrono::milliseconds(settings.request_timeout);
  limits.max_attempts = settings.max_attempts;
  limits.max_response_size = static_cast<std::size_t>(settings.max_response_size);
  limits.ca_file = settings.ca_file;
  limits.allow_http = settings.allow_http;
  limits.allowed_hosts = settings.allowed_hosts;
  limits.cancelled = Cancelled;
  limits.on_progress = OnProgress;
  return limits;
}

}  // namespace neon_s3

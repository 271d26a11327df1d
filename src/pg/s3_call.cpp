#include "pg/s3_call.h"

#include <chrono>

#include "core/error.h"
#include "pg/settings.h"
#include "pg/result.h"
#include "pg/session.h"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

void RefuseReadOnly(const char* name) {
  char call[64];
  snprintf(call, sizeof call, "%s()", name);
  PreventCommandIfReadOnly(call);
}

bool is_progress_shown = false;  // of a call of this backend

bool TakeProgress(Operation operation, const OptionalText& key, TimestampTz started_at) {
  if (is_progress_shown) return false;
  BeginProgress(operation, key.value_or(std::string_view()), started_at);
  return is_progress_shown = true;
}

}  // namespace

S3Call& S3Call::Begin(Operation operation, const OptionalText& key, const Target& target) {
  const OperationInfo& info = InfoOf(operation);
  if (info.effect == Effect::kChanges) RefuseReadOnly(info.name);
  return Owned<S3Call>(operation, key, target, GetCurrentTimestamp());
}

S3Call::S3Call(Operation operation, const OptionalText& key, const Target& target,
               TimestampTz started_at)
    : operation_(operation),
      target_(target),
      began_at_(MonotonicNow()),
      is_shown_(TakeProgress(operation, key, started_at)) {}

void S3Call::Finish() { End(false); }

void S3Call::End(bool failed) {
  if (!is_active_) return;
  is_active_ = false;
  counters_.calls = 1;
  counters_.errors = failed ? 1 : 0;
  counters_.microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(MonotonicNow() - began_at_).count();
  if (is_begun_) AddUsage();
  if (client_) {
    ErrorReport ignored;
    TryGuard(
        [&] {
          client_->Drop();
          Session::Get().GiveBack(std::move(client_));
        },
        &ignored);
  }
  Count(operation_, counters_);
  if (!is_shown_) return;
  is_progress_shown = false;
  EndProgress();
}

void S3Call::AddUsage() {
  const S3Usage& usage = client_->usage();
  counters_.requests += usage.requests;
  counters_.retries += usage.retries;
  counters_.bytes_sent += usage.bytes_sent;
  counters_.bytes_received += usage.bytes_received;
}

S3Client& S3Call::BeginAt(S3Service service, S3Limits limits) {
  if (!client_) client_ = Session::Get().TakeClient();
  if (is_begun_) AddUsage();
  is_begun_ = false;
  if (limits.ca_file.empty()) {
    limits.ca_file = Session::Get().Configuration(target_).ca_bundle.text;
  }
  limits.on_progress = [this](const S3Usage& usage) { ShowProgress(usage); };
  client_->Begin(std::move(service), std::move(limits));
  is_begun_ = true;
  return *client_;
}

S3Client& S3Call::Client() {
  return is_begun_ ? *client_ : BeginAt(MakeService(target_), MakeLimits());
}

// Not where the target says now: what it has views of may be gone, once other code ran.
S3Client& S3Call::LastClient() {
  S3Client& s3 = Client();
  s3.BeginLast(std::chrono::seconds(2));
  return s3;
}

void S3Call::ShowItems(std::int64_t done, std::int64_t total) const {
  if (is_shown_) SetItems(done, total);
}

void S3Call::ShowBytesTotal(std::int64_t total) const {
  if (is_shown_) SetBytesTotal(total);
}

void S3Call::ShowProgress(const S3Usage& usage) const {
  if (!is_shown_) return;
  SetBytesDone(usage.bytes_sent + usage.bytes_received);
  const bool is_download = operation_ == Operation::kGetObject;
  if (is_download && usage.bytes_announced > 0) SetBytesTotal(usage.bytes_announced);
}

Datum WrittenRow(FunctionCallInfo fcinfo, const WrittenObject& written) {
  Row row;
  row.TextOrNull(written.etag);
  row.TextOrNull(written.version_id);
  return row.Finish(fcinfo);
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

ObjectAttributes AttributesOf(const OptionalText& content_type, const FieldArgs& metadata) {
  ObjectAttributes attributes;
  attributes.content_type = content_type;
  for (const FieldArg& field : metadata) attributes.metadata.emplace_back(field.name, field.value);
  return attributes;
}

CallerHeaders HeadersOf(const FieldArgs& fields, unsigned requests) {
  CallerHeaders headers(requests);
  for (const FieldArg& field : fields) headers.Add(field.name, field.value);
  return headers;
}

S3Service MakeService(const Target& target) {
  const Destination& destination = Session::Get().Resolve(target, Reach::kServer);
  S3Service service;
  service.endpoint = destination.endpoint;
  service.addressing_style = destination.addressing_style;
  service.region = destination.region;
  service.credentials.access_key_id = destination.credentials.access_key_id;
  service.credentials.secret_access_key = destination.credentials.secret_access_key;
  service.credentials.session_token = destination.credentials.session_token;
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
  if (*settings.http_proxy) limits.proxy = ParseHttpProxy(settings.http_proxy);
  limits.cancelled = Interrupted;
  return limits;
}

}  // namespace neon_s3

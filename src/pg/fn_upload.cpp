// s3_presign_upload, and what s3_save_metadata needs of it.
#include "core/object_key.h"
#include "core/upload_headers.h"
#include "pg/boundary.h"
#include "pg/result.h"
#include "pg/sign.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxRememberedType = 255;

Datum HeadersDatum(const UploadHeaders& headers) {
  JsonBuilder json;
  json.BeginObject();
  for (const UploadHeaders::Header& header : headers) json.Member(header.name, header.value);
  json.EndObject();
  return JsonbPGetDatum(json.Finish());
}

PresignedUpload ToRemember(std::string object_key, const UploadConstraints& constraints) {
  PresignedUpload upload;
  upload.object_key = std::move(object_key);
  if (constraints.content_type && constraints.content_type->size() <= kMaxRememberedType) {
    upload.content_type = *constraints.content_type;
  }
  upload.content_length = constraints.content_length;
  return upload;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_presign_upload);
Datum neon_s3_presign_upload(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  UploadConstraints constraints;
  const OptionalText file_name = args.Text();
  constraints.content_type = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText key_prefix = args.Text();
  constraints.content_length = args.BigInt();
  constraints.checksum_sha256 = args.Bytes();
  constraints.overwrite = args.Boolean(true);
  const Target target = ReadTarget(args);
  const TimestampTz now = GetCurrentTimestamp();
  const std::string_view uuid = RandomUuid();

  std::optional<UploadHeaders> headers;
  SignedUrl url;
  std::string_view object_key, public_url;
  Guard([&] {
    BackendState& state = BackendState::Get();
    const std::string key = MakeObjectKey(key_prefix.value_or(""), uuid, *file_name);
    BeginRequest(state, {}, {});
    headers.emplace(constraints);
    for (const UploadHeaders::Header& header : *headers) {
      AddSignedHeader(header.name, header.value, &state.presigner().headers());
    }
    url = SignRequest(
        state, {Operation::kPresignUpload, "PUT", key, &target, expires_in, ToUnixSeconds(now)});
    state.buffer().clear();
    AppendObjectUrl(*url.address, key, &state.buffer());
    public_url = state.buffer();
    object_key = state.Remember(ToRemember(key, constraints)).object_key;
  });

  WarnIfClamped(url.validity);

  // X-Amz-Date has no fraction.
  const TimestampTz expires_at =
      now - now % USECS_PER_SEC + url.validity.expires_in * USECS_PER_SEC;
  Datum values[] = {TextDatum("PUT"),       UrlDatum(url.presigned),
                    HeadersDatum(*headers), TextDatum(object_key),
                    TextDatum(public_url),  TimestampTzGetDatum(expires_at)};
  bool nulls[lengthof(values)] = {};
  return RowDatum(fcinfo, values, nulls);
}

NEON_S3_FUNCTION(neon_s3_recall_upload);
Datum neon_s3_recall_upload(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText object_key = args.Text();
  const PresignedUpload* upload = nullptr;
  Guard([&] {
    ValidateObjectKey(*object_key);
    upload = BackendState::Get().Recall(*object_key);
  });

  Datum values[2] = {};
  bool nulls[2] = {true, true};
  if (upload != nullptr && !upload->content_type.empty()) {
    values[0] = TextDatum(upload->content_type);
    nulls[0] = false;
  }
  if (upload != nullptr && upload->content_length) {
    values[1] = Int64GetDatum(*upload->content_length);
    nulls[1] = false;
  }
  return RowDatum(fcinfo, values, nulls);
}

}  // namespace neon_s3

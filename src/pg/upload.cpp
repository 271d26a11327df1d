#include "pg/upload.h"

#include "core/object_key.h"
#include "pg/boundary.h"
#include "pg/result.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace neon_s3 {

const SignedUpload& SignUpload(const UploadRequest& args) {
  const TimestampTz now = GetCurrentTimestamp();
  const std::string_view uuid = RandomUuid();
  auto& upload = Owned<SignedUpload>();
  Guard([&] {
    Session& session = Session::Get();
    PresignRequest& request = session.NewRequest();
    upload.headers.emplace(args.constraints);
    upload.headers->AddTo(&request.headers);
    const std::string prefix = std::string(args.table_prefix).append(args.key_prefix);
    upload.object_key = MakeObjectKey(prefix, uuid, args.file_name);
    const std::string_view key = upload.object_key;
    upload.url = session.Sign(
        &request, {args.operation, "PUT", key, args.target, args.expires_in, ToUnixSeconds(now)});
    AppendPublicUrl(*args.target, upload.url.address, key, &upload.public_url);
  });
  ReportSigned(upload.url.expiry);
  // X-Amz-Date has whole seconds.
  upload.expires_at = now - now % USECS_PER_SEC + upload.url.expiry.seconds * USECS_PER_SEC;
  return upload;
}

Datum HeadersDatum(const UploadHeaders& headers) {
  JsonBuilder json;
  json.BeginObject();
  for (const UploadHeaders::Header& header : headers) json.Member(header.name, header.value);
  json.EndObject();
  return JsonbPGetDatum(json.Finish());
}

}  // namespace neon_s3

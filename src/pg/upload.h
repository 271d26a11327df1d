// A new key and the URL that uploads it, as s3_presign_upload and s3_begin_upload have it in
// common.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/upload_headers.h"
#include "pg/session.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// Plain data.
struct UploadRequest {
  Operation operation;
  std::string_view table_prefix;
  std::string_view key_prefix;
  std::string_view file_name;
  UploadConstraints constraints;
  const Target* target;
  std::int64_t expires_in;  // seconds
};

struct SignedUpload {
  std::string object_key;
  std::string public_url;
  std::optional<UploadHeaders> headers;
  SignedUrl url;           // views that are good until the next signature
  TimestampTz expires_at;  // of the URL
};

// Postgres side. With a WARNING if the URL ends before it should, with its credentials.
const SignedUpload& SignUpload(const UploadRequest& request);

// Postgres side: what the client has to send, as jsonb.
Datum HeadersDatum(const UploadHeaders& headers);

}  // namespace neon_s3

// The replies of S3's operations. kMalformedReply for what is not the reply that was asked for: no
// XML, deeper than 32 levels, texts that are no UTF-8 or hold a NUL; kTooLarge for more elements
// than any reply of S3's has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http_message.h"
#include "core/s3_request.h"
#include "core/utc_time.h"

namespace neon_s3 {

// ETags come without their quotes. Texts are empty where the reply says nothing.
struct ObjectInfo {
  std::int64_t size = 0;
  std::string etag, content_type, version_id, storage_class;
  std::optional<UnixMicroseconds> last_modified;
  Metadata metadata;  // RFC 2047 words decoded: Amazon encodes what is no ASCII
};
// Of HeadObject and GetObject; the size is that of the whole object where a range was asked for.
ObjectInfo ParseObjectInfo(const HttpResponse& response);

struct WrittenObject {
  std::string etag, version_id;
};
// Of PutObject, UploadPart and DeleteObject: from the headers.
WrittenObject ParseWrittenObject(const HttpResponse& response);
// Of CopyObject and CompleteMultipartUpload: from the body, whose Error was looked for before. Ceph
// may leave the ETag of a completed upload empty.
WrittenObject ParseWrittenDocument(const HttpResponse& response);

struct DeletedObject {
  std::string key;
  std::string code, message;  // empty: it is deleted
};
// Every key that S3 mentions, in its order.
std::vector<DeletedObject> ParseDeleteResult(std::string_view body);

struct ListedObject {
  std::string key;
  std::int64_t size = 0;
  std::string etag, storage_class;
  std::optional<UnixMicroseconds> last_modified;
  bool is_prefix = false;
};
struct ObjectPage {
  std::vector<ListedObject> objects;  // by the bytes of the key, prefixes among them
  std::string continuation_token;     // empty: this is the last page
};
ObjectPage ParseObjectPage(std::string_view body);

struct ListedVersion {
  std::string key, version_id;
  bool is_latest = false;
  bool is_delete_marker = false;  // then size, ETag and storage class say nothing
  std::int64_t size = 0;
  std::string etag, storage_class;
  std::optional<UnixMicroseconds> last_modified;
};
struct VersionPage {
  std::vector<ListedVersion> versions;                  // by key, the newest first
  std::string next_key_marker, next_version_id_marker;  // both empty: this is the last page
};
VersionPage ParseVersionPage(std::string_view body);

std::string ParseUploadId(std::string_view body);

struct ListedPart {
  int part_number = 0;
  std::int64_t size = 0;
  std::string etag;
  std::optional<UnixMicroseconds> last_modified;
};
struct PartPage {
  std::vector<ListedPart> parts;
  std::optional<int> next_marker;  // none: this is the last page
};
PartPage ParsePartPage(std::string_view body);

struct ListedUpload {
  std::string key, upload_id, storage_class;
  std::optional<UnixMicroseconds> initiated;
};
struct UploadPage {
  std::vector<ListedUpload> uploads;
  std::string next_key_marker, next_upload_id_marker;  // both empty: this is the last page
};
UploadPage ParseUploadPage(std::string_view body);

struct ListedBucket {
  std::string name;
  std::optional<UnixMicroseconds> created;
};
std::vector<ListedBucket> ParseBucketList(std::string_view body);

// The <Error> of a reply, whatever its status; nothing where the body is none. Texts are plain,
// short and free of control characters, so that they may go into a message.
struct S3ErrorReply {
  std::string code, message, request_id;
  std::string region;    // where the bucket is
  std::string endpoint;  // of a redirect
};
std::optional<S3ErrorReply> ParseS3Error(std::string_view body);

// An error that S3 answered with: what SQL reports, and what callers decide by.
class S3Error : public Error {
 public:
  S3Error(ErrorCode error_code, int http_status, std::string s3_code, const std::string& message,
          std::string hint, std::string detail, std::string date = {})
      : Error(error_code, message, std::move(hint), std::move(detail)),
        status_(http_status),
        s3_code_(std::move(s3_code)),
        date_(std::move(date)) {}

  int status() const noexcept { return status_; }
  const std::string& s3_code() const noexcept { return s3_code_; }  // AWS's, or empty
  const std::string& date() const noexcept { return date_; }        // the reply's header, or empty

 private:
  int status_;
  std::string s3_code_;
  std::string date_;
};

// The error for `reply` to `request`: kNoCredentials for refused credentials (InvalidAccessKeyId,
// SignatureDoesNotMatch, ExpiredToken, InvalidToken …), kNotFound for 404, kRefused for every other
// 4xx and for a redirect of S3's, kUnsupported for 501, kServerFailed for every other 5xx and for
// an <Error> that came with 200, kMalformedReply for the rest. DETAIL: Code, HTTP status and
// RequestId, and S3's message where it can't quote a secret; HINT: the likely cure, by code. The
// message names the operation and the object.
S3Error MakeS3Error(const S3Request& request, const HttpResponse& response);

}  // namespace neon_s3

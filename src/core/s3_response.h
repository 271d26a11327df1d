// The replies of S3's operations. kMalformedReply for what is not the reply that was asked for: not
// XML, deeper than 32 levels, texts that are not UTF-8 or hold a NUL; kTooLarge for more elements
// than any reply of S3's has. Times that nobody understands are left out.
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
  std::optional<std::int64_t> size;  // none: the server doesn't know it beforehand
  std::string etag, content_type, version_id, storage_class;
  std::optional<UnixMicroseconds> last_modified;
  Metadata metadata;  // RFC 2047 words decoded: Amazon encodes what is no ASCII
};
// Of HeadObject.
ObjectInfo ParseObjectInfo(const HttpResponse& response);

// Whether a 2xx of GetObject has the object, and the bytes of it, that were asked for.
// kMalformedReply where it has others; kRefused where the object ends before the range.
void CheckObject(const S3Request& request, const HttpResponse& response);

struct WrittenObject {
  std::string etag, version_id;
};
// Of PutObject, UploadPart and DeleteObject: from the headers.
WrittenObject ParseWrittenObject(const HttpResponse& response);
// Of CopyObject, UploadPartCopy and CompleteMultipartUpload: from the body, whose Error was looked
// for before. Ceph may leave the ETag of a completed upload empty.
WrittenObject ParseWrittenDocument(const HttpResponse& response);

struct DeletedObject {
  std::string key;
  std::string code, message;  // empty: it is deleted
  std::string version_id;     // as it was asked for
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

}  // namespace neon_s3

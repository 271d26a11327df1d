#include "net/multipart.h"

#include <string>
#include <utility>

#include "core/encoding.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

bool MayBeDone(const S3Error& error) {
  return error.attempts() > 1 && error.s3_code() == "NoSuchUpload";
}

// Throws `lost`, the retry's error, where the object does not exist. The ETag of an object that was
// uploaded in parts ends in their number, but not on every server.
WrittenObject FindCompleted(S3Client& s3, const S3Request& request, std::size_t part_count,
                            const S3Error& lost) {
  s3.Submit(0, HeadObject(request.bucket, *request.key));
  const S3Reply reply = s3.Next();
  if (reply.error) throw reply.error->status() == 404 ? lost : *reply.error;
  const ObjectInfo object = ParseObjectInfo(reply.response);
  if (EndsWith(object.etag, "-" + std::to_string(part_count))) {
    return {object.etag, object.version_id};
  }
  throw Error(
      ErrorCode::kConnectionLost,
      "lost connection while the upload of \"" + WithoutControls(*request.key) + "\" was completed",
      "Look at the object: it is the uploaded one, or one that was there before.", lost.detail());
}

WrittenObject Complete(S3Client& s3, const S3Request& request, std::size_t part_count) {
  try {
    return ParseWrittenDocument(s3.Call(request));
  } catch (const S3Error& error) {
    if (!MayBeDone(error)) throw;
    return FindCompleted(s3, request, part_count, error);
  }
}

}  // namespace

WrittenObject CompleteUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                             std::string_view upload_id, std::vector<CompletedPart> parts,
                             bool overwrite) {
  if (s3.ServerLacks(ServerLack::kChecksums)) {
    for (CompletedPart& part : parts) part.checksums.clear();
  }
  WrittenObject written =
      Complete(s3, CompleteMultipartUpload(bucket, key, upload_id, parts, overwrite), parts.size());
  if (written.etag.empty()) {
    written.etag = ParseObjectInfo(s3.Call(HeadObject(bucket, key, written.version_id))).etag;
  }
  return written;
}

void AbortUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                 std::string_view upload_id) {
  try {
    s3.Call(AbortMultipartUpload(bucket, key, upload_id));
  } catch (const S3Error& error) {
    if (!MayBeDone(error)) throw;
  }
}

}  // namespace neon_s3

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

// Of an upload's own object: its key belongs to it, too.
S3Request HeadWith(const CallerHeaders& headers, S3Request request) {
  headers.AddTo(kWithRange, &request);
  return request;
}

// Throws `lost`, the retry's error, where the object does not exist. The ETag of an object that was
// uploaded in parts ends in their number, but not on every server.
WrittenObject FindCompleted(S3Client& s3, const S3Request& request, std::size_t part_count,
                            const CallerHeaders& headers, const S3Error& lost) {
  s3.Submit(0, HeadWith(headers, HeadObject(request.bucket, *request.key)));
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

// Empty where S3 refuses to tell: without the customer's key, or the permission. The object is
// there.
std::string ETagOf(S3Client& s3, const S3Request& head) {
  try {
    return ParseObjectInfo(s3.Call(head)).etag;
  } catch (const S3Error& error) {
    if (error.code() != ErrorCode::kRefused) throw;
    return {};
  }
}

WrittenObject Complete(S3Client& s3, const S3Request& request, std::size_t part_count,
                       const CallerHeaders& headers) {
  try {
    return ParseWrittenDocument(s3.Call(request));
  } catch (const S3Error& error) {
    if (!MayBeDone(error)) throw;
    return FindCompleted(s3, request, part_count, headers, error);
  }
}

}  // namespace

WrittenObject CompleteUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                             std::string_view upload_id, std::vector<CompletedPart> parts,
                             bool overwrite, const CallerHeaders& headers) {
  if (s3.ServerLacks(ServerLack::kChecksums)) {
    for (CompletedPart& part : parts) part.checksums.clear();
  }
  S3Request request = CompleteMultipartUpload(bucket, key, upload_id, parts, overwrite);
  headers.AddTo(kWithComplete, &request);
  WrittenObject written = Complete(s3, request, parts.size(), headers);
  if (written.etag.empty()) {
    written.etag = ETagOf(s3, HeadWith(headers, HeadObject(bucket, key, written.version_id)));
  }
  return written;
}

void AbortUpload(S3Client& s3, std::string_view bucket, std::string_view key,
                 std::string_view upload_id, const CallerHeaders& headers) {
  S3Request request = AbortMultipartUpload(bucket, key, upload_id);
  headers.AddTo(kWithOther, &request);
  try {
    s3.Call(std::move(request));
  } catch (const S3Error& error) {
    if (!MayBeDone(error)) throw;
  }
}

}  // namespace neon_s3

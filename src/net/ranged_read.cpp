#include "net/ranged_read.h"

#include <algorithm>
#include <utility>

#include "core/error_reply.h"
#include "core/s3_response.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kPartSize = 8 << 20;
constexpr Window kWindow{4};

}  // namespace

void RangedRead::Begin(S3Client& s3, std::string_view bucket, std::string_view key,
                       std::size_t max_response_size) {
  bucket_ = bucket;
  key_ = key;
  const ObjectInfo object = ParseObjectInfo(s3.Call(HeadObject(bucket_, key_)));
  etag_ = object.etag;
  size_ = object.size;
  part_size_ = static_cast<std::int64_t>(std::min(kPartSize, max_response_size));
  if (size_) part_count_ = static_cast<std::size_t>((*size_ + part_size_ - 1) / part_size_);
}

std::string_view RangedRead::Peek(S3Client& s3) {
  Attend(s3);
  while (!has_part_ || offset_ == parts_.Front().size()) {
    if (std::exchange(has_part_, false)) {
      parts_.Pop();
      ++parts_done_;
      offset_ = 0;
    }
    if (parts_done_ == part_count_) return {};
    Advance(s3);
  }
  return std::string_view(parts_.Front()).substr(offset_);
}

void RangedRead::Advance(S3Client& s3) {
  try {
    Fetch(s3);
  } catch (const S3Error& error) {
    if (!std::exchange(were_left_, false) || error.code() != ErrorCode::kConnectionLost) throw;
    s3.Drop();
    parts_.Restart();
    Fetch(s3);
  }
  has_part_ = true;
  attended_at_ = MonotonicNow();
}

void RangedRead::Fetch(S3Client& s3) {
  parts_.Advance(
      part_count_, kWindow, s3, [&](std::size_t part) { s3.Submit(part, RequestFor(part)); },
      [&](S3Reply reply) { return BodyOf(std::move(reply)); });
}

// Moves what is fetched ahead on, whenever something is read.
void RangedRead::Attend(S3Client& s3) {
  if (!has_part_) return;
  const MonotonicTime now = MonotonicNow();
  if (now - std::exchange(attended_at_, now) > longest_pause_) {
    s3.Drop();
    parts_.Restart();
    return;  // as slow as its reader is, it need not be ahead
  }
  parts_.SubmitAhead(part_count_, kWindow,
                     [&](std::size_t part) { s3.Submit(part, RequestFor(part)); });
  were_left_ = true;
  s3.Poll();
}

S3Request RangedRead::RequestFor(std::size_t part) const {
  S3Request request = GetObject(bucket_, key_);
  SetIfMatch(etag_, &request);
  if (!size_) return request;
  const std::int64_t start = static_cast<std::int64_t>(part) * part_size_;
  SetRange({start, std::min(part_size_, *size_ - start)}, &request);
  request.size = size_;
  return request;
}

std::string RangedRead::BodyOf(S3Reply reply) {
  if (reply.error) throw *reply.error;
  const std::string etag = ParseWrittenObject(reply.response).etag;
  if (etag_.empty()) etag_ = etag;  // HEAD told none
  if (!IsSameETag(etag, etag_)) RaiseMalformedReply("The object has another ETag than before.");
  return std::move(reply.response.body);
}

}  // namespace neon_s3

#include "net/streamed_upload.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/part_plan.h"
#include "net/multipart.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kMemory = 32 << 20;  // of the parts under way, if more than one fits

std::size_t PartsAtOnce(std::size_t part_size) {
  return std::max<std::size_t>(kMemory / part_size, 1);
}

}  // namespace

void StreamedUpload::Begin(std::string_view bucket, std::string_view key,
                           std::string_view content_type) {
  bucket_ = bucket;
  key_ = key;
  content_type_ = content_type;
  HeadObject(bucket_, key_);  // it checks them
  NewPart();
}

void StreamedUpload::NewPart() {
  const std::int64_t size = SizeOfStreamedPart(part_count_ + 1);
  capacity_ = static_cast<std::size_t>(size);
  part_ = {std::unique_ptr<char[]>(new char[capacity_])};  // without zeros: it will be filled
}

void StreamedUpload::Add(S3Client& s3, std::string_view bytes) {
  Attend(s3);
  while (!bytes.empty()) {
    if (part_.size == capacity_) {
      Send(s3);
      NewPart();
    }
    const std::size_t fitting = std::min(bytes.size(), capacity_ - part_.size);
    std::memcpy(part_.body.get() + part_.size, bytes.data(), fitting);
    part_.size += fitting;
    size_ += static_cast<std::int64_t>(fitting);
    bytes.remove_prefix(fitting);
  }
}

// The part that is being filled.
void StreamedUpload::Send(S3Client& s3) {
  ++part_count_;
  if (upload_id_.empty()) {
    const ObjectAttributes attributes{content_type_, {}};
    upload_id_ = ParseUploadId(
        s3.Call(CreateMultipartUpload(bucket_, key_, attributes, PartChecksum::kCrc32c)).body);
  }
  while (under_way_.size() >= PartsAtOnce(capacity_)) AwaitPart(s3);
  const auto number = static_cast<std::size_t>(part_count_);
  under_way_[number] = std::move(part_);
  Submit(s3, number);
  attended_at_ = MonotonicNow();
}

void StreamedUpload::Submit(S3Client& s3, std::size_t number) {
  const Part& part = under_way_[number];
  S3Request request = UploadPart(bucket_, key_, upload_id_, static_cast<int>(number),
                                 {part.body.get(), part.size}, PartChecksum::kCrc32c);
  checksums_[number] = ChecksumOf(request);
  s3.Submit(number, std::move(request));
}

void StreamedUpload::AwaitPart(S3Client& s3) {
  const S3Reply reply = s3.Next();
  if (reply.error) return SendAgain(s3, reply);
  completed_.push_back({static_cast<int>(reply.id),
                        ParseWrittenObject(reply.response).etag,
                        {{"ChecksumCRC32C", checksums_[reply.id]}}});
  checksums_.erase(reply.id);
  under_way_.erase(reply.id);
}

void StreamedUpload::SendAgain(S3Client& s3, const S3Reply& reply) {
  const bool was_left = std::exchange(under_way_[reply.id].was_left, false);
  if (!was_left || reply.error->code() != ErrorCode::kConnectionLost) throw *reply.error;
  Submit(s3, reply.id);
}

// Moves the parts under way on, whenever there is something to add.
void StreamedUpload::Attend(S3Client& s3) {
  if (under_way_.empty()) return;
  const MonotonicTime now = MonotonicNow();
  if (now - attended_at_ > longest_pause_) {
    s3.Drop();
    for (const auto& part : under_way_) Submit(s3, part.first);
  }
  for (auto& part : under_way_) part.second.was_left = true;
  s3.Poll();
  attended_at_ = now;
}

WrittenObject StreamedUpload::Finish(S3Client& s3) {
  if (part_count_ == 0) return PutWhole(s3);
  Attend(s3);
  Send(s3);
  while (!under_way_.empty()) AwaitPart(s3);
  return Complete(s3);
}

WrittenObject StreamedUpload::PutWhole(S3Client& s3) {
  part_count_ = 1;
  const ObjectAttributes attributes{content_type_, {}};
  const std::string_view body(part_.body.get(), part_.size);
  return ParseWrittenObject(s3.Call(PutObject(bucket_, key_, body, attributes, true)));
}

WrittenObject StreamedUpload::Complete(S3Client& s3) {
  std::sort(
      completed_.begin(), completed_.end(),
      [](const CompletedPart& a, const CompletedPart& b) { return a.part_number < b.part_number; });
  WrittenObject written =
      CompleteUpload(s3, bucket_, key_, upload_id_, std::move(completed_), true);
  upload_id_.clear();
  return written;
}

void StreamedUpload::Abandon(S3Client& s3) {
  if (!upload_id_.empty()) AbortUpload(s3, bucket_, key_, upload_id_);
}

}  // namespace neon_s3

// An object that is read from its start to its end, in ranges that are fetched ahead. C++ side, but
// for size(), part_count() and parts_done().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/s3_request.h"
#include "net/in_order.h"
#include "net/monotonic.h"
#include "net/s3_client.h"

namespace neon_s3 {

// It takes 32 MiB of memory. All ranges are of the same object: where it is replaced meanwhile, the
// server refuses (kRefused), or its reply does not count (kMalformedReply).
class RangedRead {
 public:
  // Between Peek()s nobody attends to requests. Those that were left for longer than
  // `longest_pause`, or broke after they had been left, are sent once more.
  explicit RangedRead(std::chrono::milliseconds longest_pause = std::chrono::seconds(5))
      : longest_pause_(longest_pause) {}

  // Before all else. `max_response_size`: the client's.
  void Begin(S3Client& s3, std::string_view bucket, std::string_view key,
             std::size_t max_response_size);

  // The bytes that are next, some of them; none at the end. Good until the next call.
  std::string_view Peek(S3Client& s3);
  // So many of them are done with.
  void Consume(std::size_t size) { offset_ += size; }

  std::optional<std::int64_t> size() const { return size_; }  // none: the server doesn't tell
  std::size_t part_count() const { return part_count_; }
  std::size_t parts_done() const { return parts_done_; }

 private:
  void Attend(S3Client& s3);
  void Advance(S3Client& s3);
  void Fetch(S3Client& s3);
  S3Request RequestFor(std::size_t part) const;
  std::string BodyOf(S3Reply reply);

  const std::chrono::milliseconds longest_pause_;
  std::string bucket_, key_, etag_;
  std::optional<std::int64_t> size_;
  std::int64_t part_size_ = 0;
  std::size_t part_count_ = 1, parts_done_ = 0;
  InOrder<std::string> parts_;
  bool has_part_ = false;  // parts_.Front()
  std::size_t offset_ = 0;
  MonotonicTime attended_at_;
  bool were_left_ = false;  // requests, while they were under way
};

}  // namespace neon_s3

// An object that is sent while it is made, when nobody knows yet how large it gets. C++ side, but
// for size() and part_count().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/s3_request.h"
#include "core/s3_response.h"
#include "net/monotonic.h"
#include "net/s3_client.h"

namespace neon_s3 {

// What fits one part goes by PutObject, more as a multipart upload of several parts at once: while
// parts have 8 MiB, it takes 40 MiB of memory; of larger ones there are two.
class StreamedUpload {
 public:
  // Between Add()s nobody attends to requests. Those that were left for longer than
  // `longest_pause`, or broke after they had been left, are sent once more.
  explicit StreamedUpload(std::chrono::milliseconds longest_pause = std::chrono::seconds(5))
      : longest_pause_(longest_pause) {}

  // Before all else. kBadArgument for a key that can't be.
  void Begin(std::string_view bucket, std::string_view key, std::string_view content_type);

  // kTooLarge beyond 10,000 parts, and the errors of the requests.
  void Add(S3Client& s3, std::string_view bytes);
  WrittenObject Finish(S3Client& s3);

  // After an error: the parts of an upload that is never completed cost money. Nothing, where none
  // was begun or where it is complete.
  void Abandon(S3Client& s3);

  std::int64_t size() const { return size_; }
  int part_count() const { return part_count_; }  // those that are full; after Finish(), all

 private:
  struct Part {
    std::unique_ptr<char[]> body;
    std::size_t size = 0;
    bool was_left = false;  // while it was sent
  };

  void NewPart();
  void Send(S3Client& s3);
  void Submit(S3Client& s3, std::size_t number);
  void AwaitPart(S3Client& s3);
  void SendAgain(S3Client& s3, const S3Reply& reply);
  void Attend(S3Client& s3);
  WrittenObject PutWhole(S3Client& s3);
  WrittenObject Complete(S3Client& s3);

  const std::chrono::milliseconds longest_pause_;
  std::string bucket_, key_, content_type_;
  std::string upload_id_;  // empty: none is begun, or it is done
  Part part_;              // that is being filled
  std::size_t capacity_ = 0;
  std::map<std::size_t, Part> under_way_;         // by number
  std::map<std::size_t, std::string> checksums_;  // of those
  std::vector<CompletedPart> completed_;
  MonotonicTime attended_at_;
  std::int64_t size_ = 0;
  int part_count_ = 0;
};

}  // namespace neon_s3

// The constraints of an upload, as the headers that make the bucket enforce them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/sigv4.h"

namespace neon_s3 {

struct UploadConstraints {
  std::optional<std::string_view> content_type;
  std::optional<std::int64_t> content_length;       // bytes
  std::optional<std::string_view> checksum_sha256;  // 32 raw bytes
  bool overwrite;                                   // false: only where no such object exists
};

// kBadArgument if it is empty, or spaces, which HTTP does not send.
void ValidateContentType(std::string_view content_type);

// content-type, content-length, x-amz-checksum-sha256 and if-none-match, as far as they are asked
// for: all that the client has to send. Plain data; the values are views into `constraints` and
// into this object, so it is not copied.
class UploadHeaders {
 public:
  // kBadArgument for an empty type, a negative length, or a checksum that has not 32 bytes.
  explicit UploadHeaders(const UploadConstraints& constraints);
  UploadHeaders(const UploadHeaders&) = delete;
  UploadHeaders& operator=(const UploadHeaders&) = delete;

  struct Header {
    std::string_view name;
    std::string_view value;
  };
  void AddTo(SignedHeaders* headers) const;
  const Header* begin() const { return headers_.data(); }
  const Header* end() const { return headers_.data() + count_; }

 private:
  void Add(std::string_view name, std::string_view value) { headers_[count_++] = {name, value}; }

  std::array<Header, 4> headers_;
  std::size_t count_ = 0;
  char length_[24];
  char checksum_[48];
};

}  // namespace neon_s3

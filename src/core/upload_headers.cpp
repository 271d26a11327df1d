#include "core/upload_headers.h"

#include <algorithm>
#include <string>

#include "core/encoding.h"
#include "core/error.h"
#include "core/presign.h"

namespace neon_s3 {
namespace {

// `text` fits.
std::string_view CopyTo(char* buffer, const std::string& text) {
  std::copy(text.begin(), text.end(), buffer);
  return {buffer, text.size()};
}

}  // namespace

void ValidateContentType(std::string_view content_type) {
  if (content_type.find_first_not_of(' ') != std::string_view::npos) return;
  throw Error(ErrorCode::kBadArgument, "content_type is empty",
              "Leave it null to let the client send any type.");
}

UploadHeaders::UploadHeaders(const UploadConstraints& constraints) {
  if (constraints.content_type) {
    ValidateContentType(*constraints.content_type);
    Add("content-type", *constraints.content_type);
  }
  if (constraints.content_length) {
    if (*constraints.content_length < 0) {
      throw Error(ErrorCode::kBadArgument,
                  "content_length " + std::to_string(*constraints.content_length) + " is negative");
    }
    Add("content-length", CopyTo(length_, std::to_string(*constraints.content_length)));
  }
  if (constraints.checksum_sha256) {
    if (constraints.checksum_sha256->size() != Sha256Digest().size()) {
      throw Error(ErrorCode::kBadArgument,
                  "checksum_sha256 has " + std::to_string(constraints.checksum_sha256->size()) +
                      " bytes instead of 32",
                  "Pass the digest itself, as sha256(content) gives it.");
    }
    Add("x-amz-checksum-sha256", CopyTo(checksum_, Base64(*constraints.checksum_sha256)));
  }
  if (!constraints.overwrite) Add("if-none-match", "*");
}

void UploadHeaders::AddTo(SignedHeaders* headers) const {
  for (const Header& header : *this) AddKnownHeader(header.name, header.value, headers);
}

}  // namespace neon_s3

#include "core/upload_headers.h"

#include <string>

#include <gtest/gtest.h>

#include "core/error.h"

#include "expect_error.h"

namespace neon_s3 {
namespace {

std::string Show(const UploadConstraints& constraints) {
  std::string out;
  for (const UploadHeaders::Header& header : UploadHeaders(constraints)) {
    out.append(header.name).append(": ").append(header.value).append("\n");
  }
  return out;
}

TEST(UploadHeaders, AreWhatIsAskedFor) {
  UploadConstraints constraints{};
  constraints.overwrite = true;
  EXPECT_EQ(Show(constraints), "");
  const std::string digest(32, '\0');
  constraints = {"image/png", 9223372036854775807, digest, false};
  EXPECT_EQ(
      Show(constraints),
      "content-type: image/png\ncontent-length: 9223372036854775807\n"
      "x-amz-checksum-sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nif-none-match: *\n");
}

TEST(UploadHeaders, RefuseWhatCannotBe) {
  EXPECT_ERROR(ErrorCode::kBadArgument, Show({"", {}, {}, true}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Show({" ", {}, {}, true}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Show({{}, -1, {}, true}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Show({{}, {}, "short", true}));
}

TEST(UploadHeaders, AreSigned) {
  SignedHeaders headers;
  UploadHeaders({"image/png", 5, {}, false}).AddTo(&headers);
  std::string text;
  headers.AppendCanonicalHeaders(&text);
  EXPECT_EQ(text, "content-type:image/png\ncontent-length:5\nif-none-match:*\n");
  EXPECT_ERROR(ErrorCode::kBadArgument, UploadHeaders({"image/png", {}, {}, true}).AddTo(&headers));
}

}  // namespace
}  // namespace neon_s3

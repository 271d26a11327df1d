#include "core/content_disposition.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(AttachmentDisposition, HasAnAsciiAndAUtf8Name) {
  EXPECT_EQ(AttachmentDisposition("report.pdf"),
            "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf");
  EXPECT_EQ(AttachmentDisposition("\xe2\x82\xac 5%.txt"),
            "attachment; filename=\"_ 5_.txt\"; filename*=UTF-8''%E2%82%AC%205%25.txt");
}

TEST(AttachmentDisposition, CannotBeBrokenOutOf) {
  EXPECT_EQ(AttachmentDisposition("a\"; x=\"b"),
            "attachment; filename=\"a_; x=_b\"; filename*=UTF-8''a%22%3B%20x%3D%22b");
  EXPECT_EQ(AttachmentDisposition("a\\\r\nSet-Cookie: b/c"),
            "attachment; filename=\"a_Set-Cookie: b_c\"; filename*=UTF-8''a_Set-Cookie%3A%20b_c");
  for (const char* name : {"", ".", "..", "\r\n", "  "}) {
    EXPECT_EQ(AttachmentDisposition(name), "attachment; filename=\"_\"; filename*=UTF-8''_");
  }
}

TEST(AttachmentDisposition, KeepsTheExtensionOfALongName) {
  const std::string value = AttachmentDisposition(std::string(300, 'n') + ".jpeg");
  EXPECT_NE(value.find(std::string(235, 'n') + ".jpeg\""), std::string::npos);
  EXPECT_EQ(value.find(std::string(236, 'n')), std::string::npos);
}

}  // namespace
}  // namespace neon_s3

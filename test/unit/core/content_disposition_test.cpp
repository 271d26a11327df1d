#include "core/content_disposition.h"

#include <gtest/gtest.h>

#include "expect_error.h"

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

TEST(AttachmentDisposition, DropsWhatOnlyChangesHowANameLooks) {
  for (const char* invisible :
       {"\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
        "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9", "\xe2\x80\x8e",
        "\xe2\x80\x8f", "\xd8\x9c", "\xe2\x80\x8b", "\xe2\x81\xa0", "\xef\xbb\xbf", "\xc2\xad"}) {
    EXPECT_EQ(AttachmentDisposition(std::string("invoice") + invisible + "gpj.exe"),
              "attachment; filename=\"invoicegpj.exe\"; filename*=UTF-8''invoicegpj.exe");
  }
  EXPECT_EQ(AttachmentDisposition("\xe2\x80\xae"),
            "attachment; filename=\"_\"; filename*=UTF-8''_");
  // U+200C, in Persian, and U+200D, in a family.
  EXPECT_EQ(AttachmentDisposition("\xe2\x80\x8c\xe2\x80\x8d"),
            "attachment; filename=\"__\"; filename*=UTF-8''%E2%80%8C%E2%80%8D");
}

TEST(ContentDisposition, IsForSavingOrForShowing) {
  EXPECT_EQ(ContentDisposition("a.png", "inline"),
            "inline; filename=\"a.png\"; filename*=UTF-8''a.png");
  EXPECT_EQ(ContentDisposition("a", "attachment"), AttachmentDisposition("a"));
  for (const char* other : {"", "Inline", "form-data", "inline; x"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ContentDisposition("a", other)) << other;
  }
}

TEST(AttachmentDisposition, CutsALongNameWithoutAnExtension) {
  const std::string whole(240, 'n');
  for (const std::string& more : {std::string("n"), std::string(".") + std::string(16, 'x')}) {
    EXPECT_EQ(AttachmentDisposition(whole + more), AttachmentDisposition(whole));
  }
}

}  // namespace
}  // namespace neon_s3

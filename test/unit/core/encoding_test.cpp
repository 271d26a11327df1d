#include "core/encoding.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

std::string Encoded(std::string_view bytes) {
  std::string out;
  AppendUriEncoded(bytes, &out);
  return out;
}

TEST(UriEncoding, KeepsUnreservedBytesOnly) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    char escaped[4];
    snprintf(escaped, sizeof escaped, "%%%02X", c);
    EXPECT_EQ(Encoded(byte), unreserved ? byte : escaped);
    std::string path;
    AppendUriEncodedPath(byte, &path);
    EXPECT_EQ(path, unreserved || c == '/' ? byte : escaped);
  }
  EXPECT_EQ(Encoded("a b/\xc3\xa9%"), "a%20b%2F%C3%A9%25");
}

// RFC 4648 section 10.
TEST(Base64, GivesTheRfcsExamples) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
}

TEST(Utf8Prefix, CutsAtACharacter) {
  EXPECT_EQ(Utf8Prefix("a\xc3\xa9z", 4), "a\xc3\xa9z");
  EXPECT_EQ(Utf8Prefix("a\xc3\xa9z", 3), "a\xc3\xa9");
  EXPECT_EQ(Utf8Prefix("a\xc3\xa9z", 2), "a");
  EXPECT_EQ(Utf8Prefix("\xf0\x9f\x98\x80", 3), "");
}

TEST(Controls, AreFoundAndDropped) {
  EXPECT_EQ(WithoutControls("a\r\nb\x7f\xc2\x85\xc2\xa0\xc3\xa9\t"), "ab\xc2\xa0\xc3\xa9");
  EXPECT_TRUE(HasControls("a\xc2\x9f"));
  EXPECT_FALSE(HasControls("a\xc2\xa0 b\xe2\x80\xae"));
}

}  // namespace
}  // namespace neon_s3

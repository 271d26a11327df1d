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
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    char escaped[4];
    snprintf(escaped, sizeof escaped, "%%%02X", c);
    EXPECT_EQ(Encoded(byte), unreserved ? byte : escaped);
    std::string path;
    AppendUriEncodedPath(byte, &path);
    EXPECT_EQ(path, unreserved || c == '/' ? byte : escaped);
  }
  EXPECT_EQ(Encoded("a b/\xc3\xa9%"), "a%20b%2F%C3%A9%25");
}

TEST(UriEncoding, IsUndone) {
  std::string all, encoded;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  AppendUriEncoded(all, &encoded);
  EXPECT_EQ(UriDecoded(encoded, false), all);
  EXPECT_EQ(UriDecoded(encoded, true), all);
  EXPECT_EQ(UriDecoded("a+b%2B%c3%A9", true), "a b+\xc3\xa9");
  EXPECT_EQ(UriDecoded("a+b", false), "a+b");
  for (const char* text : {"%", "%2", "%zz", "a%2", "%-1", "% 1", "%0x"}) {
    EXPECT_EQ(UriDecoded(text, true), std::nullopt) << text;
  }
}

TEST(ParseDecimal, TakesWhatFits) {
  EXPECT_EQ(ParseDecimal("0"), 0);
  EXPECT_EQ(ParseDecimal("-17"), -17);
  EXPECT_EQ(ParseDecimal("9223372036854775807"), 9223372036854775807);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "1e3"}) {
    EXPECT_EQ(ParseDecimal(text), std::nullopt) << text;
  }
}

// The table of RFC 3629 section 4, at its edges.
TEST(Utf8, IsCheckedToTheLetter) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "\x01\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xec\xbf\xbf"sv,
        "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv,
        "\xf3\xbf\xbf\xbf"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(IsValidUtf8(text));
    EXPECT_TRUE(IsValidUtf8("a" + std::string(text) + "z"));
  }
  for (const std::string_view text :
       {"\0"sv, "\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv,
        "\xc2\xc0"sv, "\xe0\x9f\xbf"sv, "\xe1\x80"sv, "\xe1\x80\x41"sv, "\xed\xa0\x80"sv,
        "\xed\xbf\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xf1\x80\x80"sv, "\xf1\x80\x80\x41"sv,
        "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv}) {
    EXPECT_FALSE(IsValidUtf8(text));
    EXPECT_FALSE(IsValidUtf8("a" + std::string(text) + "z"));
  }
}

TEST(Base64, IsUndone) {
  std::string bytes;
  for (int size = 0; size < 300; ++size) {
    EXPECT_EQ(Base64Decoded(Base64(bytes)), bytes);
    bytes.push_back(static_cast<char>(size * 7));
  }
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zg=a", "Zm 8", "Zm8\n", "Zm-_", " Zm8="}) {
    EXPECT_EQ(Base64Decoded(text), std::nullopt) << text;
  }
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

TEST(Controls, AreThoseOfC1TooWhereTheyAreWhole) {
  EXPECT_EQ(WithoutControls("a\xc2\x85"
                            "b\xc2\x7f\xc2\xa0\xc2"),
            "ab\xc2\xc2\xa0\xc2");
  EXPECT_FALSE(HasControls("\xc2"));
  EXPECT_FALSE(HasControls("\xc2 "));
  EXPECT_FALSE(HasControls("\xc2\xa0"));
  EXPECT_TRUE(HasControls("\xc2\x9f"));
}

}  // namespace
}  // namespace neon_s3

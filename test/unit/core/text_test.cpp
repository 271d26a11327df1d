#include "core/text.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(Text, ComparesAsciiWithoutCaseAndNothingElse) {
  EXPECT_EQ(LowerCase("Content-TYPE [@`{"), "content-type [@`{");
  EXPECT_EQ(LowerCase("\xc3\x84"), "\xc3\x84");  // Ä keeps its bytes
  EXPECT_TRUE(EqualsLower("X-Amz-Date", "x-amz-date"));
  EXPECT_FALSE(EqualsLower("X-Amz-Date", "x-amz-dat"));
  EXPECT_FALSE(EqualsLower("@", "`"));
}

TEST(Text, LooksAtBothEnds) {
  EXPECT_TRUE(StartsWith("x-amz-", "x-amz-"));
  EXPECT_FALSE(StartsWith("x-amz", "x-amz-"));
  EXPECT_TRUE(EndsWith("a.localhost", ".localhost"));
  EXPECT_FALSE(EndsWith("localhost", ".localhost"));
}

TEST(Text, TakesOffOnePairOfQuotes) {
  EXPECT_EQ(WithoutQuotes("\"abc\""), "abc");
  EXPECT_EQ(WithoutQuotes("\"\"abc\"\""), "\"abc\"");
  EXPECT_EQ(WithoutQuotes("\"\""), "");
  for (const char* text : {"", "\"", "abc", "\"abc", "abc\""}) EXPECT_EQ(WithoutQuotes(text), text);
}

TEST(ByteSet, CountsMembersAtTheStart) {
  constexpr ByteSet digits("0123456789");
  for (std::size_t size = 0; size < 20; ++size) {
    const std::string text = std::string(size, '7');
    EXPECT_EQ(digits.CountPrefix(text), size);
    EXPECT_EQ(digits.CountPrefix(text + "x7777"), size);
    EXPECT_EQ(digits.CountPrefix(text + "\xff"), size);
  }
}

TEST(Token, IsWhatRfc9110Says) {
  for (const char* name : {"a", "X-Amz-Meta-1", "!#$%&'*+-.^_`|~"}) EXPECT_TRUE(IsToken(name));
  for (const char* name : {"", "a b", "a:", "a\r", "\xc3\xa9", "a/b", "(", "\""}) {
    EXPECT_FALSE(IsToken(name)) << name;
  }
}

}  // namespace
}  // namespace neon_s3

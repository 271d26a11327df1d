#include "core/json.h"

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

std::string Nested(int levels) {
  const auto count = static_cast<std::size_t>(levels);
  return std::string(count, '[') + std::string(count, ']');
}

TEST(ParseJson, KeepsTheOrderOfMembers) {
  EXPECT_EQ(ParseJson(R"({"b": 1, "a": [true, null, "é"]})")->dump(),
            R"({"b":1,"a":[true,null,"é"]})");
}

TEST(ParseJson, HasLimits) {
  EXPECT_NO_THROW(ParseJson(Nested(32)));
  EXPECT_ERROR(ErrorCode::kBadArgument, ParseJson(Nested(33)));
  EXPECT_NO_THROW(ParseJson("\"" + std::string(40, '[') + "\\\"" + std::string(40, '{') + "\""));
  EXPECT_NO_THROW(ParseJson("1" + std::string((1 << 20) - 1, ' ')));
  EXPECT_ERROR(ErrorCode::kTooLarge, ParseJson("1" + std::string(1 << 20, ' ')));
}

TEST(ParseJson, RefusesOtherTexts) {
  for (const char* text : {"", "{", "[1] 2", "'a'", "\"\xff\"", "\"\\ud800\"", "1e999999"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ParseJson(text)) << text;
  }
}

TEST(IsJsonForJsonb, KnowsWhatJsonbCannotHold) {
  EXPECT_TRUE(IsJsonForJsonb(R"({"a": "\\u0000"})"));  // a backslash, and five characters
  EXPECT_TRUE(IsJsonForJsonb(Nested(32)));
  EXPECT_FALSE(IsJsonForJsonb(R"({"a": "\u0000"})"));
  EXPECT_FALSE(IsJsonForJsonb(R"({"a\\\u0000": 1})"));
  EXPECT_FALSE(IsJsonForJsonb(Nested(33)));
  EXPECT_FALSE(IsJsonForJsonb("\"\xc3\""));
  EXPECT_FALSE(IsJsonForJsonb(""));
  EXPECT_FALSE(IsJsonForJsonb("1" + std::string(1 << 20, ' ')));
}

}  // namespace
}  // namespace neon_s3

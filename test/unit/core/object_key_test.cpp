#include "core/object_key.h"

#include <gtest/gtest.h>

#include "core/error.h"

#include "expect_error.h"

namespace neon_s3 {
namespace {

TEST(ValidateObjectKey, TakesAnythingButDotSegments) {
  for (const char* key :
       {"a", "/", "//", "/a/", "a//b", "...", "a./b", ".a", "a..b", "%2e%2e", "\n"}) {
    EXPECT_NO_THROW(ValidateObjectKey(key)) << key;
  }
  for (const char* key :
       {"", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "/.", "//.."}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ValidateObjectKey(key)) << key;
  }
  EXPECT_NO_THROW(ValidateObjectKey(std::string(1024, 'k')));
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateObjectKey(std::string(1025, 'k')));
}

TEST(MakeObjectKey, KeepsAnOrdinaryName) {
  EXPECT_EQ(MakeObjectKey("", "uuid", "cat photo.png"), "uuid-cat photo.png");
  EXPECT_EQ(MakeObjectKey("users/7/", "uuid", "\xf0\x9f\x98\xba.png"),
            "users/7/uuid-\xf0\x9f\x98\xba.png");
}

TEST(MakeObjectKey, TakesTheLastComponentWithoutControls) {
  EXPECT_EQ(MakeObjectKey("", "u", "../../etc/passwd"), "u-passwd");
  EXPECT_EQ(MakeObjectKey("", "u", "C:\\fakepath\\cat.png"), "u-cat.png");
  EXPECT_EQ(MakeObjectKey("", "u", "a\r\nb\x7f.png"), "u-ab.png");
  EXPECT_EQ(MakeObjectKey("", "u", ".."), "u-..");
  for (const char* name : {"", "/", "a/", "\\", "\n"})
    EXPECT_ERROR(ErrorCode::kBadArgument, MakeObjectKey("", "u", name)) << name;
  EXPECT_ERROR(ErrorCode::kBadArgument, MakeObjectKey("../", "u", "a"));
}

TEST(MakeObjectKey, CutsAtACharacter) {
  const std::string key = MakeObjectKey("", "u", std::string(1021, 'a') + "\xc3\xa9\xc3\xa9");
  EXPECT_EQ(key, "u-" + std::string(1021, 'a'));
  EXPECT_EQ(MakeObjectKey("", "u", std::string(1020, 'a') + "\xc3\xa9\xc3\xa9").size(), 1024u);
  EXPECT_ERROR(ErrorCode::kBadArgument, MakeObjectKey(std::string(1022, 'p'), "u", "a"));
  EXPECT_ERROR(ErrorCode::kBadArgument, MakeObjectKey(std::string(5000, 'p'), "u", "a"));
}

}  // namespace
}  // namespace neon_s3

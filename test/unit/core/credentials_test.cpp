#include "core/credentials.h"

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

TEST(CredentialFault, NamesWhatCannotBeInAKey) {
  EXPECT_EQ(CredentialFault(""), "");
  EXPECT_EQ(CredentialFault("a/b+c= d\xc3\xa9"), "");
  EXPECT_EQ(CredentialFault("a\tb"), "has the character U+0009");
  EXPECT_EQ(CredentialFault("a\xc2\xa0"
                            "b"),
            "has the character U+00A0");
  EXPECT_EQ(CredentialFault("\xe2\x80\x8b"), "has the character U+200B");
  EXPECT_EQ(CredentialFault("a\xa0"), "has the byte 0xA0");
  for (const char* quoted : {"\"a", "a\"", "'a'", "`a"}) {
    EXPECT_EQ(CredentialFault(quoted), "is in quotes") << quoted;
  }
}

TEST(ValidateCredential, TrimsFirst) {
  EXPECT_NO_THROW(ValidateCredential("key", " AKID\n"));
  EXPECT_STREQ(test::ErrorOf([] { ValidateCredential("key", "'AKID'"); }).what(),
               "key is in quotes");
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateCredential("key", "AK\nID"));
}

}  // namespace
}  // namespace neon_s3

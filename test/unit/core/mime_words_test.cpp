#include "core/mime_words.h"

#include <string>

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(MimeWords, AreDecoded) {
  EXPECT_EQ(DecodeMimeWords("=?UTF-8?Q?J=C3=B6rg?="), "J\xc3\xb6rg");
  EXPECT_EQ(DecodeMimeWords("=?utf-8?q?a_b=5Fc=3d?="), "a b_c=");
  EXPECT_EQ(DecodeMimeWords("=?UTF-8?B?SsO2cmc=?="), "J\xc3\xb6rg");
  EXPECT_EQ(DecodeMimeWords("=?utf-8?b?"
                            "?="),
            "");
  EXPECT_EQ(DecodeMimeWords("=?ISO-8859-1?Q?J=F6rg?="), "J\xc3\xb6rg");
  EXPECT_EQ(DecodeMimeWords("=?us-ascii*en?Q?J%C3?="), "J%C3");
}

TEST(MimeWords, StandAmongText) {
  EXPECT_EQ(DecodeMimeWords("a  =?UTF-8?Q?b?=  c"), "a  b  c");
  EXPECT_EQ(DecodeMimeWords("=?UTF-8?Q?a?=b"), "ab");
  EXPECT_EQ(DecodeMimeWords(" a "), " a ");
  EXPECT_EQ(DecodeMimeWords(""), "");
  // Spaces between words are none (RFC 2047 section 6.2), and a character may be in two words.
  EXPECT_EQ(DecodeMimeWords("=?UTF-8?Q?a?=  =?UTF-8?Q?b?= c"), "ab c");
  EXPECT_EQ(DecodeMimeWords("=?UTF-8?B?w7Y=?= =?UTF-8?Q?=C3?= =?UTF-8?Q?=B6?="),
            "\xc3\xb6\xc3\xb6");
}

TEST(MimeWords, OfOtherKindsStay) {
  for (const char* value : {"plain",
                            "=?",
                            "=?UTF-8",
                            "=?UTF-8?",
                            "=?UTF-8?Q",
                            "=?UTF-8?Q?",
                            "=?UTF-8?Q?a",
                            "=?UTF-8?Q?a?",
                            "=?"
                            "?Q?a?=",
                            "=?UTF-8?"
                            "?a?=",
                            "=?UTF-8?X?a?=",
                            "=?KOI8-R?Q?=C3?=",
                            "=?UTF-8?Q?a b?=",
                            "=?UTF-8?Q?=?=",
                            "=?UTF-8?Q?=G0?=",
                            "=?UTF-8?B?a?=",
                            "=?UTF-8?B?a*==?=",
                            "=?UTF-8?Q?a?b?=",
                            "a=?UTF-8?Q?b?=",
                            "\xc3\xb6 =?x?= b",
                            "=?UTF-8?Q?=FF?=",
                            "=?UTF-8?Q?=00?=",
                            "=?UTF-8?Q?=ED=A0=80?= tail",
                            "=?UTF-8?B?AA==?=",
                            "100% =20"}) {
    EXPECT_EQ(DecodeMimeWords(value), value);
  }
}

TEST(MimeWords, TakeNoTime) {
  std::string value;
  while (value.size() < 65536) value.append("=?a?b? ");
  EXPECT_EQ(DecodeMimeWords(value), value);
}

}  // namespace
}  // namespace neon_s3

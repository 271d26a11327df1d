#include "core/crypto.h"

#include <string>

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

std::string Hex(const Sha256Digest& digest) {
  std::string hex;
  AppendHex(digest.data(), digest.size(), &hex);
  return hex;
}

// FIPS 180-4's examples.
TEST(Sha256, GivesThePublishedDigests) {
  Sha256 sha256;
  EXPECT_EQ(Hex(sha256.Digest("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(sha256.Digest("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(sha256.Digest(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// RFC 4231 sections 4.2, 4.3, 4.7, 4.8.
TEST(HmacSha256Key, GivesTheSignaturesOfRfc4231) {
  Sha256 sha256;
  HmacSha256Key first(sha256, std::string(20, '\x0b'));
  EXPECT_EQ(Hex(first.Sign("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(first.Sign("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256Key(sha256, "Jefe").Sign("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(Hex(HmacSha256Key(sha256, long_key)
                    .Sign("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// Python's hmac says so.
TEST(HmacSha256Key, TakesAKeyOfABlockAsItIs) {
  Sha256 sha256;
  EXPECT_EQ(Hex(HmacSha256Key(sha256, std::string(64, '\xaa')).Sign("A key of a block")),
            "94582f4b93b0d41d5d4e42e01934d9d43333b0e47b45035c1fca6568c857a118");
}

// RFC 1321 appendix A.5.
TEST(Md5, GivesTheRfcsExamples) {
  const auto hex = [](std::string_view text) {
    const auto digest = Md5(text);
    if (!digest) return std::string("none");
    std::string out;
    AppendHex(digest->data(), digest->size(), &out);
    return out;
  };
  EXPECT_EQ(hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

// As where only FIPS's algorithms may be used, and they are not there.
TEST(Crypto, DoesWithoutWhatOpensslLacks) {
  ASSERT_EQ(EVP_set_default_properties(nullptr, "fips=yes"), 1);
  EXPECT_EQ(Md5("abc"), std::nullopt);
  EXPECT_ERROR(ErrorCode::kSystem, Sha256());
  EXPECT_EQ(EVP_set_default_properties(nullptr, ""), 1);
  EXPECT_NE(Md5("abc"), std::nullopt);
}

}  // namespace
}  // namespace neon_s3

#include "core/crc32c.h"

#include <string>

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, IsTheRfcs) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  for (const auto crc : {Crc32c, PortableCrc32c}) {
    EXPECT_EQ(crc(std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc(std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(crc(ascending), 0x46dd794eu);
    EXPECT_EQ(crc("123456789"), 0xe3069283u);
    EXPECT_EQ(crc(""), 0u);
  }
}

TEST(Crc32c, IsTheSameWithAndWithoutTheProcessorsHelp) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Crc32c(bytes), PortableCrc32c(bytes)) << i;
    bytes.push_back(static_cast<char>(i * 37));
  }
}

}  // namespace
}  // namespace neon_s3

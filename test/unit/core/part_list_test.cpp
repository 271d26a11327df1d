#include "core/part_list.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

TEST(PartList, TakesPartsInAnyOrderAndUnderEitherName) {
  const auto parts = ParsePartList(
      R"([{"part_number": 3, "etag": "c"}, {"PartNumber": 1, "ETag": "\"a\"", "size": 5}])");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].part_number, 1);
  EXPECT_EQ(parts[0].etag, "\"a\"");
  EXPECT_EQ(parts[1].part_number, 3);
  EXPECT_EQ(parts[1].etag, "c");
}

TEST(PartList, RefusesWhatIsNoListOfParts) {
  for (const char* text :
       {"", "[", "[]", "{}", "null", "[1]", R"([{"etag": "a"}])", R"([{"part_number": 1}])",
        R"([{"part_number": 0, "etag": "a"}])", R"([{"part_number": 10001, "etag": "a"}])",
        R"([{"part_number": -1, "etag": "a"}])", R"([{"part_number": 1.5, "etag": "a"}])",
        R"([{"part_number": "1", "etag": "a"}])", R"([{"part_number": 1, "etag": ""}])",
        R"([{"part_number": 1, "etag": 5}])", R"([{"part_number": 1, "etag": "a", "x": 1}])",
        R"([{"part_number": 1, "etag": "a", "ChecksumSHA1": 5}])",
        R"([{"part_number": 1, "etag": "a"}, {"part_number": 1, "etag": "b"}])"}) {
    try {
      ParsePartList(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadArgument) << text;
    }
  }
}

TEST(PartList, KeepsChecksums) {
  const auto parts = ParsePartList(
      R"([{"PartNumber": 1, "ETag": "a", "ChecksumCRC32": "AAAAAA==", "ChecksumSHA256": null},)"
      R"({"part_number": 2, "etag": "b", "size": 5, "last_modified": "2026-01-01",)"
      R"("checksum_crc64nvme": "AAAAAAAAAAA="}])");
  ASSERT_EQ(parts.size(), 2U);
  using Checksums = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parts[0].checksums, (Checksums{{"ChecksumCRC32", "AAAAAA=="}}));
  EXPECT_EQ(parts[1].checksums, (Checksums{{"ChecksumCRC64NVME", "AAAAAAAAAAA="}}));
}

TEST(PartList, NamesAnUnknownMember) {
  const Error error = test::ErrorOf(
      [] { ParsePartList(R"([{"part_number": 7, "etag": "a", "ChecksumCRC33": "AAAA"}])"); });
  EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
  EXPECT_STREQ(error.what(), R"(invalid parts: part 7 has an unknown member "ChecksumCRC33")");
}

}  // namespace
}  // namespace neon_s3

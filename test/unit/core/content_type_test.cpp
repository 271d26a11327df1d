#include "core/content_type.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(ContentTypeOf, GoesByTheExtension) {
  const struct {
    const char *file_name, *type;
  } cases[] = {
      {"a.png", "image/png"},
      {"a.b.JPG", "image/jpeg"},
      {"x/y.z/page.html", "text/html"},
      {"C:\\docs\\report.docx",
       "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"a.json", "application/json"},
      {"a.tm.json", "application/tm+json"},
      {"a.tar.gz", "application/gzip"},
      {"app.js", "text/javascript"},
      {"a.svg", "image/svg+xml"},
      {"a.mp4", "video/mp4"},
      {"a.123", "application/vnd.lotus-1-2-3"},
      {"a.zip", "application/zip"},
      {"a.zmm", "application/vnd.HandHeld-Entertainment+xml"},
      {"a.zst", "application/zstd"},
      {"..png", "image/png"},
  };
  for (const auto& c : cases) EXPECT_EQ(ContentTypeOf(c.file_name).value_or(""), c.type);
}

TEST(ContentTypeOf, KnowsNothingOfOthers) {
  for (const char* file_name : {"", ".", ".png", "png", "a.", "a.unknown", "a.zzz", "a.png/",
                                "a.png~", "a.png/b", "a.p\xc3\xb1g", "a.png "}) {
    EXPECT_FALSE(ContentTypeOf(file_name)) << file_name;
  }
}

}  // namespace
}  // namespace neon_s3

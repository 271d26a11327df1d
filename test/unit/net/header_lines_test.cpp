#include "net/header_lines.h"

#include <vector>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

std::vector<std::string> LinesOf(const HeaderLines& lines) {
  std::vector<std::string> texts;
  for (const curl_slist* line = lines.get(); line != nullptr; line = line->next) {
    texts.emplace_back(line->data);
  }
  return texts;
}

TEST(HeaderLines, AreInLibcurlsForm) {
  HeaderLines lines;
  lines.Add({"x-amz-date", "20260131T120000Z"});
  lines.Add({"x-amz-meta-empty", ""});
  lines.Add({"x-amz-meta-name", "J\xc3\xb6rg: a, b"});
  lines.Suppress("Expect");
  EXPECT_EQ(LinesOf(lines),
            (std::vector<std::string>{"x-amz-date: 20260131T120000Z", "x-amz-meta-empty;",
                                      "x-amz-meta-name: J\xc3\xb6rg: a, b", "Expect:"}));
}

TEST(HeaderLines, RefuseWhatWouldBeAnotherHeader) {
  HeaderLines lines;
  for (const char* value : {"a\r\nx: y", "a\nx: y", "\r", "\x7f"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, lines.Add({"x-amz-meta-a", SecretString(value)}));
  }
  for (const char* name : {"", "a b", "a:", "a\r\nb"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, lines.Add({name, "x"}));
  }
  EXPECT_TRUE(LinesOf(lines).empty());
}

}  // namespace
}  // namespace neon_s3

#include "core/upload_limits.h"

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

TEST(UploadLimits, MaxSize) {
  CheckMaxSize(10, 10);
  CheckMaxSize(0, 0);
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckMaxSize(10, 11));
  EXPECT_ERROR(ErrorCode::kBadArgument, CheckMaxSize(10, std::nullopt));
}

TEST(UploadLimits, PatternsAreTypesOrKinds) {
  for (const char* pattern : {"image/png", "image/*", "application/vnd.a+xml", "A/B"}) {
    ValidateTypePattern(pattern);
  }
  for (const char* pattern : {"", "image", "/", "image/", "/png", "*/*", "*", "im*/png", "image/p*",
                              "image/**", "image/png;q=1", "image/ png", "a/b/c", "image/png "}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ValidateTypePattern(pattern)) << pattern;
  }
}

TEST(UploadLimits, TypesMatchWithoutCaseAndParameters) {
  EXPECT_TRUE(MatchesType("image/png", "image/png"));
  EXPECT_TRUE(MatchesType("Image/PNG", "image/png"));
  EXPECT_TRUE(MatchesType("image/png", "IMAGE/*"));
  EXPECT_TRUE(MatchesType("text/plain; charset=utf-8", "text/plain"));
  EXPECT_TRUE(MatchesType("text/plain ;charset=utf-8", "text/*"));
  EXPECT_FALSE(MatchesType("image/png", "image/jpeg"));
  EXPECT_FALSE(MatchesType("image/pngx", "image/png"));
  EXPECT_FALSE(MatchesType("imagex/png", "image/*"));
  EXPECT_FALSE(MatchesType("image/", "image/*"));
  EXPECT_FALSE(MatchesType("image", "image/*"));
  EXPECT_FALSE(MatchesType("text/html; image/png", "image/*"));
  EXPECT_FALSE(MatchesType("", "image/*"));
}

TEST(UploadLimits, SaysWhichTypeItRefuses) {
  EXPECT_ERROR(ErrorCode::kBadArgument, RefuseType("a/b"));
  EXPECT_ERROR(ErrorCode::kBadArgument, RefuseType(std::nullopt));
}

TEST(UploadLimits, TypesMatchWithSpaceAround) {
  EXPECT_TRUE(MatchesType(" \timage/png\t ", "image/png"));
  EXPECT_FALSE(MatchesType(" \t", "image/png"));
}

}  // namespace
}  // namespace neon_s3

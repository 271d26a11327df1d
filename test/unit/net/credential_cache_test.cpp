#include "net/credential_cache.h"

#include <gtest/gtest.h>

#include "net_test_util.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using test::ErrorOf;
using test::Pass;

constexpr std::int64_t kNow = 1769860800;

class CredentialCacheTest : public testing::Test {
 protected:
  // The key's number of fetches makes the access key's name.
  std::string Get(std::int64_t now, const std::string& key = "key") {
    const OwnedCredentials* found =
        cache_.Get(key, now, [this]() -> std::optional<OwnedCredentials> {
          ++fetches_;
          if (failure_) throw *failure_;
          if (!has_any_) return std::nullopt;
          OwnedCredentials keys;
          keys.access_key_id = SecretString("A" + std::to_string(fetches_));
          keys.expires_at = expires_at_;
          return keys;
        });
    return found == nullptr ? "nothing" : std::string(found->access_key_id);
  }

  CredentialCache cache_{test::TestClock};
  int fetches_ = 0;
  std::optional<std::int64_t> expires_at_ = kNow + 3600;
  std::optional<Error> failure_;
  bool has_any_ = true;
};

TEST_F(CredentialCacheTest, FetchesAgainFiveMinutesBeforeExpiry) {
  EXPECT_EQ(Get(kNow), "A1");
  Pass(1h);
  EXPECT_EQ(Get(kNow + 3600 - 301), "A1");
  expires_at_ = kNow + 7200;
  EXPECT_EQ(Get(kNow + 3600 - 300), "A2");
  EXPECT_EQ(Get(kNow + 3600), "A2");
}

TEST_F(CredentialCacheTest, FetchesAgainAfterAWhileWithoutExpiry) {
  expires_at_.reset();
  EXPECT_EQ(Get(kNow), "A1");
  Pass(14min);
  EXPECT_EQ(Get(kNow), "A1");
  Pass(1min);
  EXPECT_EQ(Get(kNow), "A2");
}

TEST_F(CredentialCacheTest, GoesOnWithTheOldOnesUntilTheyExpire) {
  Get(kNow);
  failure_ = Error(ErrorCode::kConnect, "unreachable");
  Pass(1h);
  EXPECT_EQ(Get(kNow + 3400), "A1");
  EXPECT_EQ(Get(kNow + 3401), "A1");
  EXPECT_EQ(fetches_, 2);
  Pass(10s);
  EXPECT_EQ(Get(kNow + 3599), "A1");
  EXPECT_EQ(fetches_, 3);
  EXPECT_STREQ(ErrorOf([&] { Get(kNow + 3600); }).what(), "unreachable");
  EXPECT_EQ(fetches_, 3);
  Pass(10s);
  failure_.reset();
  expires_at_ = kNow + 7200;
  EXPECT_EQ(Get(kNow + 3610), "A4");
}

TEST_F(CredentialCacheTest, LeavesFailuresAloneForTenSeconds) {
  failure_ = Error(ErrorCode::kRefused, "refused", "hint", "detail");
  for (int i = 0; i < 3; ++i) {
    const Error error = ErrorOf([&] { Get(kNow); });
    EXPECT_EQ(error.code(), ErrorCode::kRefused);
    EXPECT_EQ(test::AllOf(error), "refused|detail|hint");
  }
  EXPECT_EQ(fetches_, 1);
  failure_.reset();
  Pass(9999ms);
  ErrorOf([&] { Get(kNow); });
  Pass(1ms);
  EXPECT_EQ(Get(kNow), "A2");
}

TEST_F(CredentialCacheTest, RemembersThatThereAreNone) {
  has_any_ = false;
  EXPECT_EQ(Get(kNow), "nothing");
  EXPECT_EQ(Get(kNow), "nothing");
  EXPECT_EQ(fetches_, 1);
  has_any_ = true;
  Pass(10s);
  EXPECT_EQ(Get(kNow), "A2");
}

TEST_F(CredentialCacheTest, RefusesExpiredOnes) {
  expires_at_ = kNow;
  for (int i = 0; i < 2; ++i) {
    const Error error = ErrorOf([&] { Get(kNow); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
    EXPECT_STREQ(error.what(), "credentials were given that expired at 2026-01-31T12:00:00Z");
  }
  EXPECT_EQ(fetches_, 1);
}

TEST_F(CredentialCacheTest, FetchesShortLivedOnesEveryTenSecondsAndWhenTheyExpire) {
  expires_at_ = kNow + 5;
  EXPECT_EQ(Get(kNow), "A1");
  EXPECT_EQ(Get(kNow + 4), "A1");
  expires_at_ = kNow + 200;
  EXPECT_EQ(Get(kNow + 5), "A2");
  EXPECT_EQ(Get(kNow + 6), "A2");
  Pass(10s);
  EXPECT_EQ(Get(kNow + 7), "A3");
}

TEST_F(CredentialCacheTest, DoesNotRememberCancellation) {
  failure_ = Error(ErrorCode::kCancelled, "cancelled");
  EXPECT_EQ(ErrorOf([&] { Get(kNow); }).code(), ErrorCode::kCancelled);
  failure_.reset();
  EXPECT_EQ(Get(kNow), "A2");
}

TEST_F(CredentialCacheTest, KeepsThirtyTwoKeysApart) {
  for (int i = 0; i < 32; ++i) EXPECT_EQ(Get(kNow, std::to_string(i)), "A" + std::to_string(i + 1));
  for (int i = 0; i < 32; ++i) EXPECT_EQ(Get(kNow, std::to_string(i)), "A" + std::to_string(i + 1));
  EXPECT_EQ(Get(kNow, "more"), "A33");
  EXPECT_EQ(Get(kNow, "31"), "A32");
  EXPECT_EQ(Get(kNow, "0"), "A34");
}

}  // namespace
}  // namespace neon_s3

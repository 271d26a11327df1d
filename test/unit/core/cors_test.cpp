#include "core/cors.h"

#include <gtest/gtest.h>

#include "expect_error.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;
using test::Json;

TEST(Cors, KnowsTheOriginsThatBrowsersSend) {
  for (const char* origin :
       {"https://app.example.com", "http://localhost:3000", "https://app.example.com:8443",
        "http://127.0.0.1:8080", "http://[::1]:3000", "https://xn--mller-kva.example", "null",
        "http://app.example.com:443", "capacitor://localhost", "chrome-extension://abcdef"}) {
    EXPECT_EQ(OriginThatMatches(origin), origin);
  }
}

TEST(Cors, FillsInTheStar) {
  const struct {
    const char *pattern, *origin;
  } cases[] = {
      {"*", "https://example"},
      {"https://*", "https://example"},
      {"https://*.example.com", "https://example.example.com"},
      {"*.example.com", "https://example.example.com"},
      {"*://app.example.com", "https://app.example.com"},
      {"http*://app.example.com", "https://app.example.com"},
      {"http://localhost:*", "http://localhost:8080"},
      {"https://app*.example.com", "https://appexample.example.com"},
  };
  for (const auto& known : cases) {
    SCOPED_TRACE(known.pattern);
    EXPECT_EQ(OriginThatMatches(known.pattern), known.origin);
    EXPECT_NO_THROW(CorsRulesFor({known.pattern}));
  }
}

TEST(Cors, RefusesOriginsThatNoBrowserSends) {
  const std::string form =
      "Browsers send scheme, host and port in lower case, and nothing else: "
      "\"https://app.example.com\" or \"http://localhost:3000\".";
  const struct {
    const char* origin;
    std::string hint;
  } cases[] = {
      {"https://app.example.com/", "Browsers send \"https://app.example.com\"."},
      {"https://app.example.com/page", "Browsers send \"https://app.example.com\"."},
      {"https://app.example.com?a=1", "Browsers send \"https://app.example.com\"."},
      {"https://*.example.com/*", "Browsers send \"https://*.example.com\"."},
      {"https://App.Example.com", "Browsers send \"https://app.example.com\"."},
      {"HTTPS://app.example.com", "Browsers send \"https://app.example.com\"."},
      {" https://app.example.com", "Browsers send \"https://app.example.com\"."},
      {"https://app.example.com\n", "Browsers send \"https://app.example.com\"."},
      {"https://app.example.com:443", "Browsers send \"https://app.example.com\"."},
      {"http://app.example.com:80/", "Browsers send \"http://app.example.com\"."},
      {"app.example.com", "Browsers send \"https://app.example.com\"."},
      {"localhost:3000", "Browsers send \"http://localhost:3000\"."},
      {"//app.example.com", form},
      {"", form},
      {"https://", form},
      {"https://a b", form},
      {"https://user@app.example.com", form},
      {"https://m\xc3\xbcller.example", form},
      {"https://app.example.com:99999", form},
      {"https://app.example.com:0", form},
      {"https://app.example.com:", form},
      {"https://*.*.example.com", form},
      {"file:///home/me/page.html", form},
      {"https://[::1", form},
  };
  for (const auto& refused : cases) {
    SCOPED_TRACE(refused.origin);
    EXPECT_EQ(OriginThatMatches(refused.origin), std::nullopt);
    const Error error = ErrorOf([&] { CorsRulesFor({"https://good.example", refused.origin}); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    EXPECT_EQ(std::string(error.what()).find("no browser sends the origin \""), 0U) << error.what();
    EXPECT_EQ(error.hint(), refused.hint);
  }
  const Error empty = ErrorOf([] { CorsRulesFor({}); });
  EXPECT_EQ(empty.code(), ErrorCode::kBadArgument);
  EXPECT_STREQ(empty.what(), "allowed_origins is empty");
}

TEST(Cors, WritesTheRuleThatPresignedUrlsNeed) {
  EXPECT_EQ(
      Json::parse(CorsRulesFor({"https://app.example.com", "http://localhost:3000"})),
      Json::parse(R"([{"AllowedHeaders": ["*"], "AllowedMethods": ["GET", "HEAD", "PUT", "POST"],
                             "AllowedOrigins": ["https://app.example.com", "http://localhost:3000"],
                             "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 9000}])"));
}

TEST(Cors, FindsWhoMayPut) {
  EXPECT_EQ(OriginThatMayPut(R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
                                 {"AllowedMethods": ["GET", "PUT"],
                                  "AllowedOrigins": ["https://*.example.org", "*"]}])"),
            "https://example.example.org");
}

TEST(Cors, TellsWhichRuleIsOfNoUse) {
  const struct {
    const char *rules, *message, *hint;
  } cases[] = {
      {"[]", "no CORS rule allows PUT", "Browsers need one to upload."},
      {R"([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}])", "no CORS rule allows PUT",
       "Browsers need one to upload."},
      {R"([{"AllowedMethods": ["PUT"], "AllowedOrigins": []}])",
       "CORS rule 1 has no AllowedOrigins",
       "Name the origins whose pages may use the bucket, or \"*\" for all."},
      {R"([{"AllowedMethods": ["PUT"]}])", "CORS rule 1 has no AllowedOrigins",
       "Name the origins whose pages may use the bucket, or \"*\" for all."},
      {R"([{"AllowedMethods": ["PUT"], "AllowedOrigins": ["*"]},
           {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://app.example.com/"]}])",
       "CORS rule 2 allows \"https://app.example.com/\", an origin that no browser sends",
       "Browsers send \"https://app.example.com\"."},
  };
  for (const auto& known : cases) {
    SCOPED_TRACE(known.rules);
    const Error error = ErrorOf([&] { OriginThatMayPut(known.rules); });
    EXPECT_EQ(error.code(), ErrorCode::kRefused);
    EXPECT_STREQ(error.what(), known.message);
    EXPECT_EQ(error.hint(), known.hint);
  }
}

TEST(Cors, KnowsHostsAndPorts) {
  for (const char* origin : {"ftp://a:1", "https://a:80", "https://[::1]"}) {
    EXPECT_EQ(OriginThatMatches(origin), origin);
  }
  for (const char* origin :
       {"https://[::1", "https://[abc", "https://[]", "https://[g]", "https://a:08", "https://a:0",
        "https://a:65536", "https://a:", "https://a:443"}) {
    EXPECT_EQ(OriginThatMatches(origin), std::nullopt) << origin;
  }
}

TEST(Cors, GuessesWhatWasMeant) {
  const auto hint = [](const char* origin) {
    return ErrorOf([&] { CorsRulesFor({origin}); }).hint();
  };
  EXPECT_EQ(hint("127.0.0.1:8080/"), "Browsers send \"http://127.0.0.1:8080\".");
  EXPECT_EQ(hint("localhost/"), "Browsers send \"http://localhost\".");
  EXPECT_EQ(hint("https://A.example:8443"), "Browsers send \"https://a.example:8443\".");
  EXPECT_EQ(hint("https://a.example:443"), "Browsers send \"https://a.example\".");
}

TEST(Cors, PassesOverWhatIsNoText) {
  EXPECT_EQ(OriginThatMayPut(R"([{"AllowedOrigins": [1, "https://a"], "AllowedMethods": ["PUT"]},
                                 {"AllowedOrigins": ["https://b"], "AllowedMethods": ["PUT"]}])"),
            "https://a");
}

}  // namespace
}  // namespace neon_s3

#include "core/presign.h"

#include <set>

#include <gtest/gtest.h>

#include "core/error.h"
#include "expect_error.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::Json;

struct SortedUrl {
  std::string before_query;
  std::vector<std::pair<std::string, std::string>> query;
};

// Host in lower case, without the default port; the path's bytes as they are; parameters in any
// order.
SortedUrl Canonical(const std::string& url) {
  SortedUrl sorted{url.substr(0, url.find('?')), test::DecodeQuery(url)};
  const std::string default_port = url.compare(0, 5, "https") == 0 ? ":443/" : ":80/";
  const std::size_t port = sorted.before_query.find(default_port);
  if (port != std::string::npos) sorted.before_query.erase(port, default_port.size() - 1);
  std::sort(sorted.query.begin(), sorted.query.end());
  return sorted;
}

// aws-doc/presigned-get and its kind have service "s3"; the others are no URLs of S3's.
// Published examples of other services, and of S3 without a bucket.
const std::set<std::string> kOfOthers = {"botocore/s3-sigv4-presign", "smithy-rs/object-lambda",
                                         "smithy-ts/precalculated", "smithy-ts/s3-compatible",
                                         "soto/0"};

PresignedUrl PresignVector(const Json& vector, Presigner& presigner) {
  const std::string access_key = vector["access_key"], secret_key = vector["secret_key"];
  const std::string token = test::TextOrEmpty(vector["session_token"]);
  const std::string method = vector["method"], region = vector["region"];
  const std::string key = test::TextOrEmpty(vector["key"]);
  const auto style =
      vector["addressing"] == "virtual" ? AddressingStyle::kVirtual : AddressingStyle::kPath;
  const Address address = ResolveAddress(test::ParseVectorEndpoint(vector["endpoint"]), style,
                                         vector["bucket"].get<std::string>());

  PresignRequest request;
  request.method = method;
  request.address = &address;
  request.region = region;
  if (!vector["key"].is_null()) request.key = key;
  request.expires_in = vector["expires_s"];
  request.signed_at = test::ParseTime(vector["signed_at"]);
  for (const Json& pair : vector["query"]) {
    request.query.Add(pair[0].get<std::string>(), pair[1].get<std::string>());
  }
  for (const auto& [name, value] : vector["headers"].items()) {
    request.headers.Add(name, value.get<std::string>());
  }
  return presigner.Presign(request, {access_key, secret_key, token});
}

TEST(Presign, GivesTheUrlsOfTheVectors) {
  const std::vector<Json> vectors =
      test::LoadVectors({test::kPresignCore, test::kPresignOther, test::kPublicPresign});
  Presigner presigner;  // one for all: nothing may be left over from the case before
  std::size_t compared = 0;
  for (const Json& vector : vectors) {
    if (kOfOthers.count(vector["name"])) continue;
    SCOPED_TRACE(vector["name"]);
    const SortedUrl expected = Canonical(vector["expected_url"]);
    const SortedUrl got = Canonical(PresignVector(vector, presigner).url());
    EXPECT_EQ(got.before_query, expected.before_query);
    EXPECT_EQ(got.query, expected.query);
    ++compared;
  }
  EXPECT_EQ(compared, vectors.size() - kOfOthers.size() * test::VectorFolders().size());
}

class PresignExample : public ::testing::Test {
 protected:
  PresignedUrl Sign(std::optional<std::string_view> key = "test.txt") {
    PresignRequest request;
    request.method = "GET";
    request.address = &address_;
    request.region = "us-east-1";
    request.key = key;
    request.expires_in = 86400;
    request.signed_at = 1369353600;  // 2013-05-24
    request.query = query_;
    return presigner_.Presign(
        request, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token_});
  }

  Address address_{"https", "examplebucket.s3.amazonaws.com", ""};
  std::string token_;
  QueryParameters query_;
  Presigner presigner_;
};

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
TEST_F(PresignExample, IsTheOneOfAwsDocumentationByteForByte) {
  const PresignedUrl signed_url = Sign();
  EXPECT_EQ(signed_url.url(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  EXPECT_EQ(signed_url.canonical_request,
            "GET\n/test.txt\n"
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\n"
            "host:examplebucket.s3.amazonaws.com\n\nhost\nUNSIGNED-PAYLOAD");
  EXPECT_EQ(signed_url.string_to_sign,
            "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
            "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04");
  EXPECT_EQ(signed_url.credential_scope, "20130524/us-east-1/s3/aws4_request");
}

TEST_F(PresignExample, HasBotocoresOrderOfParameters) {
  token_ = "to+ken";
  query_.Add("versionId", "v");
  query_.Add("a b", "1");
  query_.Add("Z", "2");
  std::vector<std::string> names;
  for (const auto& pair : test::DecodeQuery(Sign().url())) names.push_back(pair.first);
  EXPECT_EQ(names, (std::vector<std::string>{"Z", "a b", "versionId", "X-Amz-Algorithm",
                                             "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                                             "X-Amz-SignedHeaders", "X-Amz-Security-Token",
                                             "X-Amz-Signature"}));
}

TEST_F(PresignExample, AddressesTheBucketWithoutAKey) {
  EXPECT_EQ(Sign(std::nullopt).url().substr(0, 40), "https://examplebucket.s3.amazonaws.com/?");
  address_ = {"http", "localhost:9000", "/base/bucket"};
  EXPECT_EQ(Sign(std::nullopt).url().substr(0, 35), "http://localhost:9000/base/bucket?X");
  address_ = {"http", "bucket.localhost:9000", "/base/"};
  EXPECT_EQ(Sign(std::nullopt).url().substr(0, 36), "http://bucket.localhost:9000/base/?X");
  EXPECT_EQ(Sign("key").url().substr(0, 39), "http://bucket.localhost:9000/base/key?X");
}

// What is built once must not show: every URL is that of a presigner that has signed nothing yet.
TEST(Presigner, SignsInAnyOrderAsIfForTheFirstTime) {
  const Address addresses[] = {{"https", "a.example.com", ""},
                               {"http", "b.example.com", "/base/b"}};
  const Credentials credentials[] = {
      {"ID", "secret", ""}, {"ID", "other", ""}, {"ID", "other", "token"}};
  const char* types[] = {"", "image/png", "text/plain"};
  Presigner kept;
  std::uint32_t random = 1;
  const auto choose = [&random](std::uint32_t count) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % count;
  };
  for (int i = 0; i < 5000; ++i) {
    const std::uint32_t signer = choose(2) * 3 + choose(3);
    const char* const type = types[choose(3)];
    const bool has_version = choose(2) != 0;
    PresignRequest request;
    request.method = choose(2) ? "GET" : "PUT";
    request.address = &addresses[signer / 3];
    request.region = "r";
    request.key = std::string_view("a\xc3\xa4/b c.txt").substr(0, 1 + choose(11));
    request.expires_in = 1 + choose(2);
    request.signed_at =
        1369353599 + choose(2);  // the last second of one day, the first of the next
    if (*type != '\0') AddSignedHeader("Content-Type", type, &request.headers);
    if (has_version) AddQueryParameter("versionId", "v", &request.query);
    const auto sign = [&](Presigner& presigner) {
      const PresignedUrl url = presigner.Presign(request, credentials[signer % 3]);
      return url.url() + "|" + std::string(url.canonical_request) + "|" +
             std::string(url.string_to_sign) + "|" + std::string(url.credential_scope);
    };
    Presigner fresh;
    ASSERT_EQ(sign(kept), sign(fresh)) << i;
  }
}

TEST(Presigner, KeepsNoMoreThanAFewKinds) {
  const Address address{"https", "a.example.com", ""};
  Presigner kept;
  PresignRequest request{"GET", &address, "r", "k", 1, 1369353600, {}, {}};
  for (request.expires_in = 1; request.expires_in < 100; ++request.expires_in) {
    const std::string url = kept.Presign(request, {"ID", "secret", ""}).url();
    EXPECT_NE(url.find("X-Amz-Expires=" + std::to_string(request.expires_in) + "&"),
              std::string::npos);
    Presigner fresh;
    EXPECT_EQ(url, fresh.Presign(request, {"ID", "secret", ""}).url());
  }
}

TEST(ParseMethod, KnowsFiveInAnyCase) {
  EXPECT_EQ(ParseMethod("get"), "GET");
  EXPECT_EQ(ParseMethod("DELETE"), "DELETE");
  for (const char* method : {"", "PATCH", "OPTIONS", "GET ", "G\nET"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ParseMethod(method)) << method;
  }
}

TEST(AddQueryParameter, RefusesWhatOnlyTheSignerSets) {
  for (const char* name : {"X-Amz-Algorithm", "x-amz-credential", "X-AMZ-DATE", "X-Amz-Expires",
                           "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token", ""}) {
    QueryParameters query;
    EXPECT_ERROR(ErrorCode::kBadArgument, AddQueryParameter(name, "x", &query)) << name;
  }
  QueryParameters query;
  AddQueryParameter("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", &query);
  AddQueryParameter("prefix", "a\nb", &query);
  EXPECT_ERROR(ErrorCode::kBadArgument, AddQueryParameter("prefix", "again", &query));
  EXPECT_ERROR(ErrorCode::kBadArgument,
               AddQueryParameter("response-content-type", "a\r\nSet-Cookie: b", &query));
  EXPECT_ERROR(ErrorCode::kBadArgument, AddQueryParameter("Response-Expires", "\xc2\x85", &query));
}

TEST(AddSignedHeader, RefusesInjectionAndWhatOnlyTheSignerSets) {
  SignedHeaders headers;
  for (const char* name : {"", "a b", "a:b", "a\r\nb", "h\xc3\xa9", "Host", "authorization",
                           "X-Amz-Date", "x-amz-security-token"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, AddSignedHeader(name, "x", &headers)) << name;
  }
  for (const char* value : {"a\r\nb", "a\nb", "a\tb", "\x7f", "\xc2\x80"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, AddSignedHeader("content-type", value, &headers))
        << value;
  }
  AddSignedHeader("Content-Type", "text/plain", &headers);
  EXPECT_ERROR(ErrorCode::kBadArgument, AddSignedHeader("content-type", "text/html", &headers));
}

// S3 signs the bytes it got. botocore differs: it takes U+00A0 and U+3000 for white space, and
// signs one space where the client sends them, which S3 refuses.
TEST(AddSignedHeader, KeepsSpacesBeyondAscii) {
  SignedHeaders headers;
  AddSignedHeader("x-amz-meta-a",
                  " \xc2\xa0"
                  "a\xe3\x80\x80\xe3\x80\x80"
                  "b  c\xc2\xa0 ",
                  &headers);
  std::string canonical;
  headers.AppendCanonicalHeaders(&canonical);
  EXPECT_EQ(canonical,
            "x-amz-meta-a:\xc2\xa0"
            "a\xe3\x80\x80\xe3\x80\x80"
            "b c\xc2\xa0\n");
}

TEST(AddQueryParameter, RefusesWhatNoUrlCanHold) {
  QueryParameters query;
  const std::string huge(100'000'000, 'v');
  EXPECT_ERROR(ErrorCode::kTooLarge, AddQueryParameter("versionId", huge, &query));
  EXPECT_ERROR(ErrorCode::kTooLarge, AddQueryParameter(huge, "v", &query));
  EXPECT_TRUE(query.empty());
  AddQueryParameter("a", std::string(8192 - 3, 'v'), &query);
  EXPECT_ERROR(ErrorCode::kTooLarge, AddQueryParameter("b", "", &query));
  query.Clear();
  EXPECT_ERROR(ErrorCode::kTooLarge, AddQueryParameter("a", std::string(4000, ' '), &query));
}

TEST(AddSignedHeader, RefusesWhatNoRequestCanHold) {
  SignedHeaders headers;
  const std::string huge(100'000'000, 'v');
  EXPECT_ERROR(ErrorCode::kTooLarge, AddSignedHeader("content-type", huge, &headers));
  EXPECT_ERROR(ErrorCode::kTooLarge, AddSignedHeader(huge, "v", &headers));
  AddSignedHeader("a", std::string(8192 - 3, 'v'), &headers);
  EXPECT_ERROR(ErrorCode::kTooLarge, AddSignedHeader("b", "", &headers));
}

TEST(Presigner, RefusesCredentialsThatNoUrlCanHold) {
  const Address address{"https", "a.example.com", ""};
  Presigner presigner;
  PresignRequest request{"GET", &address, "r", "k", 1, 1369353600, {}, {}};
  const std::string token(100'000, '/');
  EXPECT_ERROR(ErrorCode::kTooLarge, presigner.Presign(request, {"ID", "secret", token}));
  EXPECT_FALSE(presigner.Presign(request, {"ID", "secret", ""}).url().empty());
}

// One presigner that goes from one to the other, and one that is made for each.
TEST(Presigner, SeesEachDifferenceOfTheOrigin) {
  const Address https{"https", "h.example", "/b"}, http{"http", "h.example", "/b"},
      other{"https", "i.example", "/b"};
  const Credentials keys{"AKID", "secret", "token"};
  const struct {
    const Address* address;
    const char* region;
    Credentials credentials;
    std::int64_t signed_at;
  } origins[] = {{&https, "r", keys, 0},
                 {&http, "r", keys, 0},
                 {&https, "r", keys, 0},
                 {&other, "r", keys, 0},
                 {&other, "q", keys, 0},
                 {&other, "q", {"OTHER", "secret", "token"}, 0},
                 {&other, "q", {"OTHER", "terces", "token"}, 0},
                 {&other, "q", {"OTHER", "terces", ""}, 0},
                 {&other, "q", {"OTHER", "terces", ""}, 1},
                 {&other, "q", {"OTHER", "terces", ""}, 86400}};
  Presigner kept;
  std::set<std::string> urls;
  for (const auto& origin : origins) {
    PresignRequest request{"GET", origin.address, origin.region, "k", 60, origin.signed_at, {}, {}};
    const std::string url = kept.Presign(request, origin.credentials).url();
    EXPECT_EQ(url, Presigner().Presign(request, origin.credentials).url());
    urls.insert(url);
  }
  EXPECT_EQ(urls.size(), 9u);  // the first one comes twice
}

TEST(Presigner, SeesEachDifferenceOfTheKind) {
  const Address address{"https", "h.example", "/b"};
  Presigner kept;
  std::set<std::string> urls;
  const auto sign = [&](std::int64_t expires_in,
                        const std::vector<std::pair<const char*, const char*>>& query,
                        const std::vector<std::pair<const char*, const char*>>& headers) {
    PresignRequest request{"GET", &address, "r", "k", expires_in, 0, {}, {}};
    for (const auto& [name, value] : query) AddQueryParameter(name, value, &request.query);
    for (const auto& [name, value] : headers) AddSignedHeader(name, value, &request.headers);
    const std::string url = kept.Presign(request, {"AKID", "secret", ""}).url();
    EXPECT_EQ(url, Presigner().Presign(request, {"AKID", "secret", ""}).url());
    urls.insert(url);
  };
  sign(60, {}, {});
  sign(61, {}, {});
  sign(61, {{"a", "b"}}, {});
  sign(61, {{"a", "c"}}, {});
  sign(61, {{"a", "c"}}, {{"x-a", "b"}});
  sign(61, {{"a", "c"}}, {{"x-a", "c"}});
  EXPECT_EQ(urls.size(), 6u);
}

TEST(AddQueryParameter, TakesOverridesWithoutControls) {
  QueryParameters query;
  AddQueryParameter("response-content-type", "text/plain", &query);
  AddQueryParameter("a", "\n", &query);
  AddQueryParameter("b c", "", &query);
  EXPECT_ERROR(ErrorCode::kBadArgument, AddQueryParameter("Response-Expires", "\n", &query));
  EXPECT_ERROR(ErrorCode::kBadArgument, AddQueryParameter("b c", "", &query));
  std::string text;
  query.AppendTo(&text);
  EXPECT_EQ(text, "response-content-type=text%2Fplain&a=%0A&b%20c=");
}

}  // namespace
}  // namespace neon_s3

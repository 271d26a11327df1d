#include "core/sigv4.h"

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::Json;

std::string PathOf(const std::string& url) {
  const std::size_t path = url.find('/', url.find("://") + 3);
  return path == std::string::npos ? "/" : url.substr(path, url.find('?') - path);
}

TEST(SigV4, GivesEveryStageOfTheHeaderVectors) {
  const std::vector<Json> vectors = test::LoadVectors({test::kHeader, test::kPublicHeader});
  Sha256 sha256;
  SigV4Signer keys;
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const std::string url = vector["url"], region = vector["region"], service = vector["service"];
    const UtcTime time(test::ParseTime(vector["signed_at"]));
    QueryParameters query;
    for (const auto& [name, value] : test::DecodeQuery(url)) query.Add(name, value);
    query.SortByEncodedName();
    SignedHeaders headers;
    for (const auto& [name, value] : vector["signed_headers"].items()) {
      headers.Add(name, value.get<std::string>());
    }
    headers.SortByName();

    std::string request, scope, string_to_sign, signature, authorization;
    AppendCanonicalRequest(vector["method"].get<std::string>(), PathOf(url), query, headers,
                           vector["payload_hash"].get<std::string>(), &request);
    EXPECT_EQ(request, vector["expected_canonical_request"]);
    AppendCredentialScope(time, region, service, &scope);
    AppendStringToSign(time, scope, sha256.Digest(request), &string_to_sign);
    EXPECT_EQ(string_to_sign, vector["expected_string_to_sign"]);
    AppendSignature(
        keys.SigningKey(vector["secret_key"].get<std::string>(), time.date(), region, service),
        string_to_sign, &signature);
    EXPECT_EQ(signature, vector["expected_signature"]);
    AppendAuthorization(vector["access_key"].get<std::string>(), scope, headers, signature,
                        &authorization);
    if (!vector["expected_authorization"].is_null()) {
      EXPECT_EQ(authorization, vector["expected_authorization"]);
    }
  }
}

// https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
TEST(DeriveSigningKey, GivesTheKeyOfAwsDocumentation) {
  Sha256 sha256;
  HmacSha256Key derived = DeriveSigningKey(sha256, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                           "20120215", "us-east-1", "iam");
  const unsigned char key[] = {0xf4, 0x78, 0x0e, 0x2d, 0x9f, 0x65, 0xfa, 0x89, 0x5f, 0x9c, 0x67,
                               0xb3, 0x2c, 0xe1, 0xba, 0xf0, 0xb0, 0xd8, 0xa4, 0x35, 0x05, 0xa0,
                               0x00, 0xa1, 0xa9, 0xe0, 0x90, 0xd4, 0x14, 0xdb, 0x40, 0x4d};
  HmacSha256Key published(sha256, {reinterpret_cast<const char*>(key), sizeof key});
  EXPECT_EQ(derived.Sign("message"), published.Sign("message"));
}

TEST(SigV4Signer, NeverServesAnotherScopeOrSecret) {
  Sha256 sha256;
  SigV4Signer cache;
  const std::string scopes[][4] = {
      {"secret", "20130524", "us-east-1", "s3"},  {"secret", "20130525", "us-east-1", "s3"},
      {"secreT", "20130525", "us-east-1", "s3"},  {"secreT", "20130525", "us-east-2", "s3"},
      {"secreT", "20130525", "us-east-2", "sts"}, {"secret", "20130524", "us-east-1", "s3"},
  };
  for (const auto& [secret, date, region, service] : scopes) {
    HmacSha256Key fresh = DeriveSigningKey(sha256, secret, date, region, service);
    for (int repeat = 0; repeat < 2; ++repeat) {
      EXPECT_EQ(cache.SigningKey(secret, date, region, service).Sign("x"), fresh.Sign("x"));
    }
  }
}

TEST(QueryParameters, AreSortedByTheBytesOfTheEncodedName) {
  QueryParameters query;
  const char* names[] = {"a",        "~x",  "A", "a-b",   "a1", "a.b",
                         "\xc3\xa9", "a b", "_", "a%20b", "a+b"};
  for (const char* name : names) query.Add(name, "");
  query.Add("a", "2");
  query.Add("a", "1");
  query.SortByEncodedName();
  query.Add("last", "?");
  std::string out;
  query.AppendTo(&out);
  EXPECT_EQ(out, "%C3%A9=&A=&_=&a=&a=1&a=2&a%20b=&a%2520b=&a%2Bb=&a-b=&a.b=&a1=&~x=&last=%3F");
}

TEST(SignedHeaders, AreLowerCaseTrimmedAndCollapsed) {
  SignedHeaders headers;
  headers.Add("X-Amz-Meta-B", "  a   b  ");
  headers.Add("Content-Type", "text/plain;  charset=utf-8");
  headers.Add("x-empty", "   ");
  headers.SortByName();
  std::string canonical, names;
  headers.AppendCanonicalHeaders(&canonical);
  headers.AppendNames(&names);
  EXPECT_EQ(canonical, "content-type:text/plain; charset=utf-8\nx-amz-meta-b:a b\nx-empty:\n");
  EXPECT_EQ(names, "content-type;x-amz-meta-b;x-empty");
}

TEST(FieldList, ComparesFieldsNotTheirTexts) {
  const auto list = [](std::initializer_list<std::pair<const char*, const char*>> fields) {
    QueryParameters query;
    for (const auto& [name, value] : fields) query.Add(name, value);
    return query;
  };
  EXPECT_TRUE(list({{"a", "b"}, {"c", "d"}}) == list({{"a", "b"}, {"c", "d"}}));
  EXPECT_FALSE(list({{"a", "bc"}}) == list({{"ab", "c"}}));
  EXPECT_FALSE(list({{"a", "bc"}, {"d", ""}}) == list({{"a", "b"}, {"cd", ""}}));
  EXPECT_FALSE(list({{"a", "b"}}) == list({{"a", "b"}, {"", ""}}));
  EXPECT_FALSE(list({{"a", "b"}}) == list({{"a", "c"}}));
}

}  // namespace
}  // namespace neon_s3

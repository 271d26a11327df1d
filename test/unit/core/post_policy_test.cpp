#include "core/post_policy.h"

#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/object_key.h"
#include "core/text.h"
#include "expect_error.h"
#include "vectors.h"

namespace neon_s3 {
namespace {

using test::Json;

const Address kAddress{"https", "files.s3.us-east-1.amazonaws.com", ""};

PostPolicy NewPolicy(std::string_view key = "key", std::string_view token = "") {
  return PostPolicy({&kAddress, "us-east-1", "files", key, 3600, 1369353600},
                    {"AKIAIOSFODNN7EXAMPLE", "secret", token});
}

// One condition as one text: kind, lower-case name, value.
std::string Show(const Json& condition) {
  if (condition.is_object()) {
    return "eq " + LowerCase(condition.begin().key()) + " " +
           condition.begin().value().get<std::string>();
  }
  if (condition[0] == "content-length-range") {
    return "range " + condition[1].dump() + " " + condition[2].dump();
  }
  return condition[0].get<std::string>() + " " +
         LowerCase(condition[1].get<std::string>().substr(1)) + " " +
         condition[2].get<std::string>();
}

Json PolicyOf(const Json& fields) {
  return Json::parse(Base64Decoded(fields["policy"].get<std::string>()).value());
}

std::multiset<std::string> ConditionsOf(const Json& fields) {
  std::multiset<std::string> all;
  const Json policy = PolicyOf(fields);
  for (const Json& condition : policy["conditions"]) all.insert(Show(condition));
  return all;
}

PostForm Sign(PostPolicy& policy) {
  SigV4Signer keys;
  return policy.Sign("secret", keys);
}

// Four requests, by three signers each, ask for a field that their own condition forbids.
bool ContradictsItself(const std::string& name) {
  static const std::regex pattern(
      R"(post/(plain\.10\.p0|dots\.16\.p1|plus\.04\.p1|utf8-4\.08\.p0)/(aws-sdk-js|botocore).*)");
  return std::regex_match(name, pattern);
}

TEST(PostPolicy, MeetsTheVectors) {
  const std::vector<Json> vectors = test::LoadVectors({test::kPostPolicy});
  SigV4Signer keys;
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const std::string key = vector["key"], access_key = vector["access_key"];
    const std::string secret = vector["secret_key"], region = vector["region"];
    const std::string token = test::TextOrEmpty(vector["session_token"]), bucket = vector["bucket"];
    const auto style =
        vector["addressing"] == "virtual" ? AddressingStyle::kVirtual : AddressingStyle::kPath;
    const Address address =
        ResolveAddress(test::ParseVectorEndpoint(vector["endpoint"]), style, bucket);
    const PostPolicyRequest request{
        &address, region, bucket, key, vector["expires_s"], test::ParseTime(vector["signed_at"])};
    if (HasDotSegment(key)) {
      EXPECT_ERROR(ErrorCode::kBadArgument, PostPolicy(request, {access_key, secret, token}));
      continue;
    }
    PostPolicy policy(request, {access_key, secret, token});
    const auto ask = [&] {
      for (const auto& [name, value] : vector["fields"].items()) {
        policy.AddField(name, value.get<std::string>());
      }
      policy.AddConditions(vector["conditions"].dump());
    };
    if (ContradictsItself(vector["name"])) {
      EXPECT_ERROR(ErrorCode::kBadArgument, ask());
      continue;
    }
    ask();
    const Json fields = Json::parse(policy.Sign(secret, keys).fields);
    const std::multiset<std::string> got = ConditionsOf(fields);
    for (const Json& condition : vector["conditions"]) {
      EXPECT_EQ(got.count(Show(condition)), 1u) << condition;
    }
    EXPECT_EQ(got.count("eq bucket " + bucket), 1u);
    EXPECT_EQ(
        test::ParseTime(PolicyOf(fields)["expiration"].get<std::string>()),
        test::ParseTime(vector["expected_expiration"].get<std::string>().substr(0, 19) + "Z"));

    std::string signature;
    const UtcTime time(request.signed_at);
    AppendSignature(keys.SigningKey(secret, time.date(), region, kS3Service),
                    vector["expected_policy_b64"].get<std::string>(), &signature);
    EXPECT_EQ(signature, vector["expected_signature"]);
  }
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html, and others' examples
TEST(PostPolicy, IsSignedLikeThePublishedExamples) {
  const std::vector<Json> vectors = test::LoadVectors({test::kPublicPost});
  SigV4Signer keys;
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const UtcTime time(test::ParseTime(vector["signed_at"]));
    std::string signature;
    AppendSignature(
        keys.SigningKey(vector["secret_key"].get<std::string>(), time.date(),
                        vector["region"].get<std::string>(), vector["service"].get<std::string>()),
        vector["expected_policy_b64"].get<std::string>(), &signature);
    EXPECT_EQ(signature, vector["expected_signature"]);
  }
}

TEST(PostPolicy, HoldsAllOfTheForm) {
  PostPolicy policy = NewPolicy("in/${filename}", "to+ken");
  policy.AddField("Content-Type", "image/png");
  policy.AddLengthRange(1, {});
  const PostForm form = Sign(policy);
  const Json fields = Json::parse(form.fields);
  EXPECT_EQ(PolicyOf(fields)["expiration"], "2013-05-24T01:00:00Z");
  EXPECT_EQ(ConditionsOf(fields),
            (std::multiset<std::string>{
                "eq content-type image/png", "range 1 5368709120", "eq bucket files",
                "starts-with key in/", "eq x-amz-algorithm AWS4-HMAC-SHA256",
                "eq x-amz-credential AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
                "eq x-amz-date 20130524T000000Z", "eq x-amz-security-token to+ken"}));
  EXPECT_EQ(form.url, "https://files.s3.us-east-1.amazonaws.com/");
  EXPECT_EQ(fields["key"], "in/${filename}");
  EXPECT_EQ(fields["Content-Type"], "image/png");
  EXPECT_EQ(fields["x-amz-security-token"], "to+ken");
  EXPECT_EQ(fields["x-amz-signature"].get<std::string>().size(), 64u);
  EXPECT_EQ(fields.size(), 8u);
}

// Byte for byte: what has been signed once is signed like that for ever.
TEST(PostPolicy, WritesItsJson) {
  PostPolicy policy = NewPolicy("k\"\x01");
  policy.AddConditions(R"([["starts-with", "$a", "b\\"], ["content-length-range", 1, 2]])");
  policy.AddField("acl", "private");
  const Json fields = Json::parse(Sign(policy).fields);
  EXPECT_EQ(Base64Decoded(fields["policy"].get<std::string>()),
            R"({"conditions": [["starts-with", "$a", "b\\"], ["content-length-range", 1, 2], )"
            R"({"acl": "private"}, {"bucket": "files"}, {"key": "k\"\u0001"}, )"
            R"({"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": )"
            R"("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"}, )"
            R"({"x-amz-date": "20130524T000000Z"}], "expiration": "2013-05-24T01:00:00Z"})");
}

TEST(PostPolicy, RefusesContradictions) {
  PostPolicy policy = NewPolicy("user/a");
  const auto contradicts = [&policy](const char* conditions) {
    EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddConditions(conditions)) << conditions;
  };
  policy.AddField("Content-Type", "image/png");
  policy.AddConditions(
      R"([{"content-type": "image/png"}, ["starts-with", "$content-type", "image/"]])");
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField("CONTENT-TYPE", "image/gif"));
  contradicts(R"([{"Content-Type": "image/gif"}])");
  contradicts(R"([["starts-with", "$Content-Type", "text/"]])");
  policy.AddConditions(
      R"([["starts-with", "$x-amz-meta-a", "ab"], ["starts-with", "$x-amz-meta-a", "a"]])");
  contradicts(R"([["starts-with", "$x-amz-meta-a", "b"]])");
  policy.AddLengthRange(0, 10);
  policy.AddConditions(R"([["content-length-range", 0, 10]])");
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(0, 11));
  policy.AddConditions(R"([["starts-with", "$key", "user/"], {"bucket": "files"}])");
  EXPECT_NO_THROW(Sign(policy));

  PostPolicy other_key = NewPolicy("user/a");
  other_key.AddConditions(R"([{"key": "user/b"}])");
  EXPECT_ERROR(ErrorCode::kBadArgument, Sign(other_key));
  PostPolicy other_bucket = NewPolicy();
  other_bucket.AddConditions(R"([{"bucket": "other"}])");
  EXPECT_ERROR(ErrorCode::kBadArgument, Sign(other_bucket));
}

TEST(PostPolicy, NamesWhatIsNotACondition) {
  for (const char* conditions :
       {"", "{}", "null", "1", "[1]", "[[]]", "[{}]", R"([{"a": "b", "c": "d"}])", R"([{"a": 1}])",
        R"([["eq", "acl", "private"]])", R"([["eq", "$acl", null]])",
        R"([["in", "$acl", "private"]])", R"([["content-length-range", 1.5, 2]])",
        R"([["content-length-range", -1, 2]])", R"([["content-length-range", 0, 1e30]])",
        R"([["content-length-range", 0, 9223372036854775808]])"}) {
    PostPolicy policy = NewPolicy();
    EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddConditions(conditions)) << conditions;
  }
  PostPolicy policy = NewPolicy();
  const Error error = test::ErrorOf([&] { policy.AddConditions(R"([["eq", "acl", "x"]])"); });
  EXPECT_EQ(error.detail(), R"(Not one of those: ["eq","acl","x"])");
}

TEST(PostPolicy, RefusesWhatIsNotTheCallersToSet) {
  PostPolicy policy = NewPolicy();
  for (const char* name :
       {"key", "Bucket", "policy", "file", "X-Amz-Signature", "x-amz-date", "", "a b"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField(name, "x")) << name;
  }
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField("Content-Type", "a\r\nb"));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddConditions(R"([{"x-amz-credential": "x"}])"));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(5, 4));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(-1, 4));
  EXPECT_ERROR(ErrorCode::kBadArgument, NewPolicy("../a"));
}

TEST(PostPolicy, RefusesMoreThanAFormCanHold) {
  const std::string huge(100'000'000, 'v');
  PostPolicy policy = NewPolicy();
  EXPECT_ERROR(ErrorCode::kTooLarge, policy.AddField("a", huge));
  EXPECT_ERROR(ErrorCode::kTooLarge, policy.AddField(huge, "a"));
  EXPECT_ERROR(ErrorCode::kTooLarge, policy.AddConditions(huge));
  const auto add_many = [&] {
    for (int i = 0; i < 30000; ++i) policy.AddField("a" + std::to_string(i), "");
  };
  EXPECT_ERROR(ErrorCode::kTooLarge, add_many());
  EXPECT_ERROR(ErrorCode::kTooLarge, Sign(policy));  // with the policy among the fields

  PostPolicy with_token = NewPolicy(std::string(1024, 'k'), std::string(4096, 't'));
  EXPECT_NO_THROW(Sign(with_token));
}

TEST(PostPolicy, RefusesAFileNameInsideItsKey) {
  for (const char* key : {"a/${filename}/b", "${filename}.png", "${filename}${filename}"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, NewPolicy(key)) << key;
  }
  EXPECT_NO_THROW(NewPolicy("${filename}"));
  EXPECT_NO_THROW(NewPolicy("a/${filename"));
}

TEST(PostPolicy, FindsContradictions) {
  const auto both = [](const char* conditions) {
    PostPolicy policy = NewPolicy();
    policy.AddConditions(conditions);
  };
  both(R"([["starts-with", "$a", "x"], ["starts-with", "$a", "xy"]])");
  both(R"([["starts-with", "$a", "xy"], ["starts-with", "$a", "x"]])");
  both(R"([["content-length-range", 1, 2], ["content-length-range", 1, 2]])");
  for (const char* conditions :
       {R"([["starts-with", "$a", "x"], ["starts-with", "$a", "y"]])",
        R"([["content-length-range", 1, 2], ["content-length-range", 1, 3]])",
        R"([["content-length-range", 1, 3], ["content-length-range", 2, 3]])",
        R"([["content-length-range", 1, 18446744073709551615]])"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, both(conditions)) << conditions;
  }
}

TEST(PostPolicy, TakesLengthsUpTo63Bits) {
  const auto range = [](const std::string& max) {
    PostPolicy policy = NewPolicy();
    policy.AddConditions("[[\"content-length-range\", 1, " + max + "]]");
  };
  EXPECT_NO_THROW(range("9223372036854775807"));
  EXPECT_EQ(test::ErrorOf([&] { range("9223372036854775808"); }).detail(),
            "Not one of those: [\"content-length-range\",1,9223372036854775808]");
}

}  // namespace
}  // namespace neon_s3

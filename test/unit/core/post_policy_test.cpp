#include "core/post_policy.h"

#include <regex>
#include <set>

#include <gtest/gtest.h>

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
std::string Show(const PolicyCondition& condition) {
  if (condition.kind == ConditionKind::kContentLengthRange) {
    return "range " + std::to_string(condition.min_length) + " " +
           std::to_string(condition.max_length);
  }
  return (condition.kind == ConditionKind::kEquals ? "eq " : "starts-with ") +
         LowerCase(condition.name) + " " + condition.value;
}

std::multiset<std::string> ShowAll(const PostPolicy& policy) {
  std::multiset<std::string> all;
  for (const PolicyCondition& condition : policy.conditions()) all.insert(Show(condition));
  return all;
}

PolicyCondition ParseCondition(const Json& json) {
  if (json.is_object()) {
    return {ConditionKind::kEquals, json.begin().key(), json.begin().value().get<std::string>(), 0,
            0};
  }
  if (json[0] == "content-length-range") {
    return {ConditionKind::kContentLengthRange, "", "", json[1].get<std::int64_t>(),
            json[2].get<std::int64_t>()};
  }
  return {json[0] == "eq" ? ConditionKind::kEquals : ConditionKind::kStartsWith,
          json[1].get<std::string>().substr(1), json[2].get<std::string>(), 0, 0};
}

std::string FieldOf(const PostPolicy& policy, std::string_view name) {
  for (const FormField& field : policy.fields()) {
    if (field.name == name) return field.value;
  }
  return "(none)";
}

// Four requests, by three signers each, ask for a field that their own condition forbids.
bool ContradictsItself(const std::string& name) {
  static const std::regex pattern(
      R"(post/(plain\.10\.p0|dots\.16\.p1|plus\.04\.p1|utf8-4\.08\.p0)/(aws-sdk-js|botocore).*)");
  return std::regex_match(name, pattern);
}

TEST(PostPolicy, MeetsTheVectors) {
  const std::vector<Json> vectors = test::LoadVectors({test::kPostPolicy});
  Sha256 sha256;
  SigningKeyCache keys;
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
      for (const Json& condition : vector["conditions"])
        policy.AddCondition(ParseCondition(condition));
    };
    if (ContradictsItself(vector["name"])) {
      EXPECT_ERROR(ErrorCode::kBadArgument, ask());
      continue;
    }
    ask();
    policy.Finish();
    const std::multiset<std::string> got = ShowAll(policy);
    for (const Json& condition : vector["conditions"]) {
      EXPECT_EQ(got.count(Show(ParseCondition(condition))), 1u) << condition;
    }
    EXPECT_EQ(got.count("eq bucket " + bucket), 1u);
    EXPECT_EQ(
        test::ParseTime(policy.expiration()),
        test::ParseTime(vector["expected_expiration"].get<std::string>().substr(0, 19) + "Z"));

    std::string signature;
    const UtcTime time(request.signed_at);
    AppendSignature(keys.Get(sha256, secret, time.date(), region, kS3Service),
                    vector["expected_policy_b64"].get<std::string>(), &signature);
    EXPECT_EQ(signature, vector["expected_signature"]);
  }
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html, and others' examples
TEST(PostPolicy, IsSignedLikeThePublishedExamples) {
  const std::vector<Json> vectors = test::LoadVectors({test::kPublicPost});
  Sha256 sha256;
  SigningKeyCache keys;
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const UtcTime time(test::ParseTime(vector["signed_at"]));
    std::string signature;
    AppendSignature(
        keys.Get(sha256, vector["secret_key"].get<std::string>(), time.date(),
                 vector["region"].get<std::string>(), vector["service"].get<std::string>()),
        vector["expected_policy_b64"].get<std::string>(), &signature);
    EXPECT_EQ(signature, vector["expected_signature"]);
  }
}

TEST(PostPolicy, HoldsAllOfTheForm) {
  PostPolicy policy = NewPolicy("in/${filename}", "to+ken");
  policy.AddField("Content-Type", "image/png");
  policy.AddLengthRange(1, {});
  policy.Finish();
  EXPECT_EQ(policy.expiration(), "2013-05-24T01:00:00Z");
  EXPECT_EQ(ShowAll(policy),
            (std::multiset<std::string>{
                "eq content-type image/png", "range 1 5368709120", "eq bucket files",
                "starts-with key in/", "eq x-amz-algorithm AWS4-HMAC-SHA256",
                "eq x-amz-credential AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
                "eq x-amz-date 20130524T000000Z", "eq x-amz-security-token to+ken"}));
  Sha256 sha256;
  SigningKeyCache keys;
  policy.Sign("{}", sha256, keys, "secret");
  EXPECT_EQ(policy.url(), "https://files.s3.us-east-1.amazonaws.com/");
  EXPECT_EQ(FieldOf(policy, "key"), "in/${filename}");
  EXPECT_EQ(FieldOf(policy, "Content-Type"), "image/png");
  EXPECT_EQ(FieldOf(policy, "x-amz-security-token"), "to+ken");
  EXPECT_EQ(FieldOf(policy, "policy"), "e30=");
  EXPECT_EQ(FieldOf(policy, "x-amz-signature").size(), 64u);
  EXPECT_EQ(policy.fields().size(), 8u);
}

TEST(PostPolicy, RefusesContradictions) {
  const auto equals = [](const char* name, const char* value) {
    return PolicyCondition{ConditionKind::kEquals, name, value, 0, 0};
  };
  const auto starts = [](const char* name, const char* value) {
    return PolicyCondition{ConditionKind::kStartsWith, name, value, 0, 0};
  };
  PostPolicy policy = NewPolicy("user/a");
  policy.AddField("Content-Type", "image/png");
  policy.AddCondition(equals("content-type", "image/png"));
  policy.AddCondition(starts("content-type", "image/"));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField("CONTENT-TYPE", "image/gif"));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddCondition(equals("Content-Type", "image/gif")));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddCondition(starts("Content-Type", "text/")));
  policy.AddCondition(starts("x-amz-meta-a", "ab"));
  policy.AddCondition(starts("x-amz-meta-a", "a"));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddCondition(starts("x-amz-meta-a", "b")));
  policy.AddLengthRange(0, 10);
  policy.AddCondition({ConditionKind::kContentLengthRange, "", "", 0, 10});
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(0, 11));
  policy.AddCondition(starts("key", "user/"));
  policy.AddCondition(equals("bucket", "files"));
  EXPECT_NO_THROW(policy.Finish());

  PostPolicy other_key = NewPolicy("user/a");
  other_key.AddCondition(equals("key", "user/b"));
  EXPECT_ERROR(ErrorCode::kBadArgument, other_key.Finish());
  PostPolicy other_bucket = NewPolicy();
  other_bucket.AddCondition(equals("bucket", "other"));
  EXPECT_ERROR(ErrorCode::kBadArgument, other_bucket.Finish());
}

TEST(PostPolicy, RefusesWhatIsNotTheCallersToSet) {
  PostPolicy policy = NewPolicy();
  for (const char* name :
       {"key", "Bucket", "policy", "file", "X-Amz-Signature", "x-amz-date", "", "a b"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField(name, "x")) << name;
  }
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddField("Content-Type", "a\r\nb"));
  EXPECT_ERROR(ErrorCode::kBadArgument,
               policy.AddCondition({ConditionKind::kEquals, "x-amz-credential", "x", 0, 0}));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(5, 4));
  EXPECT_ERROR(ErrorCode::kBadArgument, policy.AddLengthRange(-1, 4));
  EXPECT_ERROR(ErrorCode::kBadArgument, NewPolicy("../a"));
}

}  // namespace
}  // namespace neon_s3

// The conditions of a POST policy, from and to the JSON that S3 knows.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neon_s3 {

enum class ConditionKind { kEquals, kStartsWith, kContentLengthRange };

struct PolicyCondition {
  ConditionKind kind;
  std::string name;  // of the form field, as written; empty for a range
  std::string value;
  std::int64_t min_length;  // bytes, of a range
  std::int64_t max_length;
};

// [{"name": "value"}, ["eq", "$name", "value"], ["starts-with", "$name", "prefix"],
// ["content-length-range", min, max], …]. kBadArgument for anything else.
std::vector<PolicyCondition> ParseConditions(std::string_view json);

// True where some value meets both conditions, which are on one field.
bool Compatible(const PolicyCondition& a, const PolicyCondition& b);

// As an element of the policy's "conditions".
std::string ToJson(const PolicyCondition& condition);

}  // namespace neon_s3

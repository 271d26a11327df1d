// POST policies: what an HTML form may upload.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/endpoint.h"
#include "core/policy_condition.h"
#include "core/sigv4.h"

namespace neon_s3 {

struct PostPolicyRequest {
  const Address* address;
  std::string_view region;
  std::string_view bucket;
  std::string_view key;     // raw; ends in ${filename} where the client's file name is to go
  std::int64_t expires_in;  // seconds
  std::int64_t signed_at;   // seconds since 1970-01-01 00:00:00 UTC
};

// Where a form is sent, and all that it holds but the file.
struct PostForm {
  std::string url;
  std::string fields;  // a JSON object of strings
};

// Any number of Add...(), then Sign(), once. Each throws kBadArgument for what can't be, and for
// two conditions on one field that no value meets, and kTooLarge for more than a form can hold
// (limits.h).
class PostPolicy {
 public:
  PostPolicy(const PostPolicyRequest& request, const Credentials& credentials);

  // A form field, and the condition that it has that value.
  void AddField(std::string_view name, std::string_view value);
  // The caller's conditions, as JSON; an exact one is a form field too, as the form has to meet it.
  void AddConditions(std::string_view json);
  // content-length-range; a missing end is 0, or what one POST can hold: 5 GiB.
  void AddLengthRange(std::optional<std::int64_t> min_length,
                      std::optional<std::int64_t> max_length);

  // With the conditions and fields of the bucket, the key and the signature.
  PostForm Sign(std::string_view secret_access_key, SigV4Signer& signer);

 private:
  void AddCondition(const PolicyCondition& condition);
  void AddOwnConditions();
  void Append(PolicyCondition condition);
  void AppendField(std::string_view name, std::string_view value);
  std::string PolicyJson() const;
  std::string FieldsJson() const;

  UtcTime time_;
  std::string url_, region_, bucket_, key_, credential_, session_token_, expiration_;
  std::vector<PolicyCondition> conditions_;
  std::unordered_map<std::string, std::vector<std::size_t>> conditions_on_;  // by lower-case name
  std::vector<std::pair<std::string, std::string>> fields_;
  std::unordered_set<std::string> field_names_;  // in lower case
  std::size_t bytes_ = 0;                        // of fields_
};

}  // namespace neon_s3

// POST policies: what an HTML form may upload. The JSON text is the caller's to make and to read.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"
#include "core/sigv4.h"

namespace neon_s3 {

enum class ConditionKind { kEquals, kStartsWith, kContentLengthRange };

struct PolicyCondition {
  ConditionKind kind;
  std::string name;  // of the form field, as written; empty for a range
  std::string value;
  std::int64_t min_length;  // bytes, of a range
  std::int64_t max_length;
};

struct FormField {
  std::string name;
  std::string value;
};

struct PostPolicyRequest {
  const Address* address;
  std::string_view region;
  std::string_view bucket;
  std::string_view key;     // raw; ends in ${filename} where the client's file name is to go
  std::int64_t expires_in;  // seconds
  std::int64_t signed_at;   // seconds since 1970-01-01 00:00:00 UTC
};

// Built in four steps: the constructor, then any number of Add...(), then Finish(), then Sign()
// with the policy's JSON. Every step throws kBadArgument for what can't be, and for two conditions
// on one field that no value meets.
class PostPolicy {
 public:
  PostPolicy(const PostPolicyRequest& request, const Credentials& credentials);

  // A form field, and the condition that it has that value.
  void AddField(std::string_view name, std::string_view value);
  // A condition of the caller's; an exact one is a form field too, as the form has to meet it.
  void AddCondition(const PolicyCondition& condition);
  // content-length-range; a missing end is 0, or what one POST can hold: 5 GiB.
  void AddLengthRange(std::optional<std::int64_t> min_length,
                      std::optional<std::int64_t> max_length);

  // Adds the conditions and fields of the key and of the signature.
  void Finish();

  // UTC, 2013-08-06T12:00:00Z.
  const std::string& expiration() const { return expiration_; }
  const std::vector<PolicyCondition>& conditions() const { return conditions_; }

  // Adds the fields "policy" and "x-amz-signature".
  void Sign(std::string_view policy_json, Sha256& sha256, SigningKeyCache& signing_keys,
            std::string_view secret_access_key);

  const std::string& url() const { return url_; }
  const std::vector<FormField>& fields() const { return fields_; }

 private:
  void Append(PolicyCondition condition);
  void AppendField(std::string_view name, std::string_view value);

  UtcTime time_;
  std::string url_, region_, bucket_, key_, credential_, session_token_, expiration_;
  std::vector<PolicyCondition> conditions_;
  std::vector<FormField> fields_;
};

}  // namespace neon_s3

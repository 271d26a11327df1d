#include "core/post_policy.h"

#include <algorithm>
#include <iterator>

#include "core/encoding.h"
#include "core/error.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/object_key.h"
#include "core/presign.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::int64_t kMaxPostBytes = 5368709120;  // what S3 takes in one POST
constexpr std::string_view kFileName = "${filename}";

// Fields that only the signer sets; "file" comes from the client.
constexpr std::string_view kReserved[] = {
    "policy",           "file",       "x-amz-algorithm",
    "x-amz-credential", "x-amz-date", "x-amz-security-token",
    "x-amz-signature",
};

PolicyCondition Equals(std::string_view name, std::string_view value) {
  return {ConditionKind::kEquals, std::string(name), std::string(value), 0, 0};
}

[[noreturn]] void RefuseContradiction(const PolicyCondition& a, const PolicyCondition& b) {
  if (a.kind == ConditionKind::kContentLengthRange) {
    throw Error(ErrorCode::kBadArgument, "content-length-range is given twice, and differently",
                "Use min_length and max_length, or a condition.");
  }
  throw Error(ErrorCode::kBadArgument,
              "no value of form field \"" + a.name + "\" meets both \"" + a.value + "\" and \"" +
                  b.value + "\"",
              "Arguments, fields and conditions must not contradict each other.");
}

bool HasArgument(std::string_view field) {
  const std::string lower = LowerCase(field);
  return lower == "key" || lower == "bucket";
}

// S3 puts the file's name there before it compares, and no condition can say what comes out.
void RefuseFileNameInside(std::string_view key) {
  const std::size_t found = key.find(kFileName);
  if (found == std::string_view::npos || found + kFileName.size() == key.size()) return;
  throw Error(ErrorCode::kBadArgument,
              "object key \"" + std::string(key) + "\" has \"${filename}\" before its end",
              "No form could meet such a policy: end the key with ${filename}, or leave it out.");
}

void CheckName(std::string_view name) {
  const std::string lower = LowerCase(name);
  if (!IsToken(name)) {
    throw Error(ErrorCode::kBadArgument,
                "invalid form field name \"" + WithoutControls(name) + "\"");
  }
  if (std::find(std::begin(kReserved), std::end(kReserved), lower) != std::end(kReserved)) {
    throw Error(ErrorCode::kBadArgument, "form field \"" + lower + "\" is set by the signer",
                "Leave it out.");
  }
}

}  // namespace

PostPolicy::PostPolicy(const PostPolicyRequest& request, const Credentials& credentials)
    : time_(request.signed_at),
      region_(request.region),
      bucket_(request.bucket),
      key_(request.key),
      session_token_(credentials.session_token),
      expiration_(UtcTime(request.signed_at + request.expires_in).extended()) {
  ValidateObjectKey(key_);
  RefuseFileNameInside(key_);
  AppendObjectUrl(*request.address, std::nullopt, &url_);
  credential_.append(credentials.access_key_id).append("/");
  AppendCredentialScope(time_, region_, kS3Service, &credential_);
}

void PostPolicy::Append(PolicyCondition condition) {
  std::vector<std::size_t>& same_field = conditions_on_[LowerCase(condition.name)];
  for (const std::size_t i : same_field) {
    const PolicyCondition& other = conditions_[i];
    if (!Compatible(condition, other)) RefuseContradiction(condition, other);
    if (condition.kind == other.kind && condition.value == other.value) return;
  }
  same_field.push_back(conditions_.size());
  conditions_.push_back(std::move(condition));
}

void PostPolicy::AppendField(std::string_view name, std::string_view value) {
  if (!field_names_.insert(LowerCase(name)).second) return;
  bytes_ += name.size() + value.size();
  RequireWithin(kFormLimit, bytes_);
  fields_.emplace_back(name, value);
}

void PostPolicy::AddField(std::string_view name, std::string_view value) {
  RequireWithin(kFormLimit, bytes_ + name.size() + value.size());
  CheckName(name);
  if (HasArgument(name)) {
    throw Error(ErrorCode::kBadArgument,
                "form field \"" + std::string(name) + "\" has an argument of its own");
  }
  if (HasControls(value)) {
    throw Error(ErrorCode::kBadArgument,
                "form field \"" + std::string(name) + "\" has control characters");
  }
  Append(Equals(name, value));
  AppendField(name, value);
}

void PostPolicy::AddConditions(std::string_view json) {
  RequireWithin(kFormLimit, json.size());
  for (const PolicyCondition& condition : ParseConditions(json)) AddCondition(condition);
}

void PostPolicy::AddCondition(const PolicyCondition& condition) {
  if (condition.kind == ConditionKind::kContentLengthRange) {
    return AddLengthRange(condition.min_length, condition.max_length);
  }
  CheckName(condition.name);
  Append(condition);
  // A field that can have one value only is one that the form needs.
  if (condition.kind == ConditionKind::kEquals && !HasArgument(condition.name)) {
    AppendField(condition.name, condition.value);
  }
}

void PostPolicy::AddLengthRange(std::optional<std::int64_t> min_length,
                                std::optional<std::int64_t> max_length) {
  const std::int64_t min = min_length.value_or(0);
  const std::int64_t max = max_length.value_or(std::max(min, kMaxPostBytes));
  if (min < 0 || max < min) {
    throw Error(ErrorCode::kBadArgument, "invalid length range from " + std::to_string(min) +
                                             " to " + std::to_string(max) + " bytes");
  }
  Append({ConditionKind::kContentLengthRange, "", "", min, max});
}

void PostPolicy::AddOwnConditions() {
  Append(Equals("bucket", bucket_));
  if (EndsWith(key_, kFileName)) {
    const std::string prefix = key_.substr(0, key_.size() - kFileName.size());
    Append({ConditionKind::kStartsWith, "key", prefix, 0, 0});
  } else {
    Append(Equals("key", key_));
  }
  AppendField("key", key_);

  const auto add = [this](std::string_view name, std::string_view value) {
    Append(Equals(name, value));
    AppendField(name, value);
  };
  add("x-amz-algorithm", kAlgorithm);
  add("x-amz-credential", credential_);
  add("x-amz-date", time_.timestamp());
  if (!session_token_.empty()) add("x-amz-security-token", session_token_);
}

std::string PostPolicy::PolicyJson() const {
  std::string json = "{\"conditions\": [";
  for (const PolicyCondition& condition : conditions_) {
    if (&condition != &conditions_.front()) json.append(", ");
    json.append(ToJson(condition));
  }
  return json + "], \"expiration\": " + ToJson(expiration_) + "}";
}

std::string PostPolicy::FieldsJson() const {
  std::string json = "{";
  for (const auto& field : fields_) {
    if (&field != &fields_.front()) json.append(", ");
    json.append(ToJson(field.first)).append(": ").append(ToJson(field.second));
  }
  return json + "}";
}

PostForm PostPolicy::Sign(std::string_view secret_access_key, SigV4Signer& signer) {
  AddOwnConditions();
  const std::string policy = Base64(PolicyJson());
  std::string signature;
  AppendSignature(signer.SigningKey(secret_access_key, time_.date(), region_, kS3Service), policy,
                  &signature);
  AppendField("policy", policy);
  AppendField("x-amz-signature", signature);
  return {url_, FieldsJson()};
}

}  // namespace neon_s3

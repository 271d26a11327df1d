#include "core/policy_condition.h"

#include <limits>

#include "core/encoding.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kRange = "content-length-range";
constexpr std::string_view kStartsWith = "starts-with";

[[noreturn]] void Refuse(const Json& culprit) {
  constexpr std::size_t kMostShown = 200;
  const std::string text = culprit.dump(-1, ' ', false, Json::error_handler_t::replace);
  throw Error(ErrorCode::kBadArgument, "conditions must be a JSON array of POST policy conditions",
              "A condition is {\"name\": \"value\"}, [\"eq\", \"$name\", \"value\"], "
              "[\"starts-with\", \"$name\", \"prefix\"] or [\"content-length-range\", min, max].",
              "Not one of those: " + std::string(Utf8Prefix(text, kMostShown)));
}

std::string StringOf(const Json& value, const Json& condition) {
  if (!value.is_string()) Refuse(condition);
  return value.get<std::string>();
}

std::int64_t BytesOf(const Json& value, const Json& condition) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) Refuse(condition);
  return value.get<std::int64_t>();
}

PolicyCondition ParseArray(const Json& array) {
  if (array.size() != 3) Refuse(array);
  const std::string kind = StringOf(array[0], array);
  if (kind == kRange) {
    return {ConditionKind::kContentLengthRange, "", "", BytesOf(array[1], array),
            BytesOf(array[2], array)};
  }
  const std::string name = StringOf(array[1], array);
  const bool is_known = kind == "eq" || kind == kStartsWith;
  if (!is_known || !StartsWith(name, "$")) Refuse(array);
  return {kind == "eq" ? ConditionKind::kEquals : ConditionKind::kStartsWith, name.substr(1),
          StringOf(array[2], array), 0, 0};
}

PolicyCondition ParseObject(const Json& object) {
  if (object.size() != 1) Refuse(object);
  const auto member = object.begin();
  return {ConditionKind::kEquals, member.key(), StringOf(member.value(), object), 0, 0};
}

}  // namespace

std::vector<PolicyCondition> ParseConditions(std::string_view text) {
  const OwnedJson parsed = ParseJson(text);
  const Json& list = *parsed;
  if (!list.is_array()) Refuse(list);
  std::vector<PolicyCondition> conditions;
  for (const Json& item : list) {
    if (!item.is_structured()) Refuse(list);
    conditions.push_back(item.is_array() ? ParseArray(item) : ParseObject(item));
  }
  return conditions;
}

bool Compatible(const PolicyCondition& a, const PolicyCondition& b) {
  if (a.kind == ConditionKind::kContentLengthRange) {
    return a.min_length == b.min_length && a.max_length == b.max_length;
  }
  if (a.kind == ConditionKind::kEquals && b.kind == ConditionKind::kEquals)
    return a.value == b.value;
  if (a.kind == ConditionKind::kEquals) return StartsWith(a.value, b.value);
  if (b.kind == ConditionKind::kEquals) return StartsWith(b.value, a.value);
  return StartsWith(a.value, b.value) || StartsWith(b.value, a.value);
}

std::string ToJson(const PolicyCondition& condition) {
  if (condition.kind == ConditionKind::kEquals) {
    return "{" + ToJson(condition.name) + ": " + ToJson(condition.value) + "}";
  }
  if (condition.kind == ConditionKind::kStartsWith) {
    return "[" + ToJson(kStartsWith) + ", " + ToJson("$" + condition.name) + ", " +
           ToJson(condition.value) + "]";
  }
  return "[" + ToJson(kRange) + ", " + std::to_string(condition.min_length) + ", " +
         std::to_string(condition.max_length) + "]";
}

}  // namespace neon_s3

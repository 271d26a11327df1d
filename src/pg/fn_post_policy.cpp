// s3_presign_post. The policy's JSON is jsonb's on the way in and on the way out.
#include "core/post_policy.h"
#include "core/upload_headers.h"

#include <cstdlib>
#include <cstring>

#include "pg/boundary.h"
#include "pg/result.h"
#include "pg/sign.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
}

namespace neon_s3 {
namespace {

// One of the caller's conditions, as plain data.
struct ConditionArg {
  ConditionKind kind;
  std::string_view name;
  std::string_view value;
  std::int64_t min_length;
  std::int64_t max_length;
};

struct ConditionArgs {
  const ConditionArg* conditions = nullptr;
  int count = 0;

  const ConditionArg* begin() const { return conditions; }
  const ConditionArg* end() const { return conditions + count; }
};

[[noreturn]] void RefuseConditions(JsonbContainer* culprit) {
  char* text = JsonbToCString(nullptr, culprit, -1);
  text[pg_mbcliplen(text, static_cast<int>(std::strlen(text)), 200)] = '\0';
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("conditions must be a JSON array of POST policy conditions"),
                  errdetail("Not one of those: %s", text),
                  errhint("A condition is {\"name\": \"value\"}, [\"eq\", \"$name\", \"value\"], "
                          "[\"starts-with\", \"$name\", \"prefix\"] or "
                          "[\"content-length-range\", min, max].")));
  pg_unreachable();
}

std::string_view StringOf(const JsonbValue* value, JsonbContainer* condition) {
  if (value->type != jbvString) RefuseConditions(condition);
  return ToUtf8(value->val.string.val, static_cast<std::size_t>(value->val.string.len));
}

std::int64_t BytesOf(const JsonbValue* value, JsonbContainer* condition) {
  if (value->type != jbvNumeric) RefuseConditions(condition);
  const char* digits =
      DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
  const bool fits = std::strlen(digits) <= 18 && digits[std::strspn(digits, "0123456789")] == '\0';
  if (!fits) RefuseConditions(condition);
  return std::strtoll(digits, nullptr, 10);
}

ConditionArg ParseArray(JsonbContainer* array) {
  if (JsonContainerSize(array) != 3) RefuseConditions(array);
  const std::string_view kind = StringOf(getIthJsonbValueFromContainer(array, 0), array);
  const JsonbValue* second = getIthJsonbValueFromContainer(array, 1);
  const JsonbValue* third = getIthJsonbValueFromContainer(array, 2);
  if (kind == "content-length-range") {
    return {
        ConditionKind::kContentLengthRange, {}, {}, BytesOf(second, array), BytesOf(third, array)};
  }
  const std::string_view name = StringOf(second, array);
  const bool known = kind == "eq" || kind == "starts-with";
  if (!known || name.empty() || name.front() != '$') RefuseConditions(array);
  return {kind == "eq" ? ConditionKind::kEquals : ConditionKind::kStartsWith, name.substr(1),
          StringOf(third, array), 0, 0};
}

ConditionArg ParseObject(JsonbContainer* object) {
  if (JsonContainerSize(object) != 1) RefuseConditions(object);
  JsonbValue value;
  JsonbIterator* iterator = JsonbIteratorInit(object);
  JsonbIteratorNext(&iterator, &value, true);
  JsonbIteratorNext(&iterator, &value, true);
  const std::string_view name = StringOf(&value, object);
  JsonbIteratorNext(&iterator, &value, true);
  return {ConditionKind::kEquals, name, StringOf(&value, object), 0, 0};
}

ConditionArgs ParseConditions(Jsonb* json) {
  if (json == nullptr) return {};
  if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json)) RefuseConditions(&json->root);
  const int count = static_cast<int>(JB_ROOT_COUNT(json));
  auto* conditions =
      static_cast<ConditionArg*>(palloc((static_cast<Size>(count) + 1) * sizeof(ConditionArg)));
  for (int i = 0; i < count; ++i) {
    const JsonbValue* item = getIthJsonbValueFromContainer(&json->root, static_cast<uint32>(i));
    if (item->type != jbvBinary) RefuseConditions(&json->root);
    JsonbContainer* container = item->val.binary.data;
    conditions[i] =
        JsonContainerIsArray(container) ? ParseArray(container) : ParseObject(container);
  }
  return {conditions, count};
}

// In the current memory context: no C++ object may be alive while jsonb is built.
std::string_view DollarName(std::string_view name) {
  auto* text = static_cast<char*>(palloc(name.size() + 1));
  text[0] = '$';
  std::memcpy(text + 1, name.data(), name.size());
  return {text, name.size() + 1};
}

std::string_view PolicyJson(const PostPolicy& policy) {
  JsonBuilder json;
  json.BeginObject();
  json.Member("expiration", policy.expiration());
  json.Key("conditions");
  json.BeginArray();
  for (const PolicyCondition& condition : policy.conditions()) {
    if (condition.kind == ConditionKind::kEquals) {
      json.BeginObject();
      json.Member(condition.name, condition.value);
      json.EndObject();
      continue;
    }
    json.BeginArray();
    if (condition.kind == ConditionKind::kStartsWith) {
      json.Element("starts-with");
      json.Element(DollarName(condition.name));
      json.Element(condition.value);
    } else {
      json.Element("content-length-range");
      json.Element(condition.min_length);
      json.Element(condition.max_length);
    }
    json.EndArray();
  }
  json.EndArray();
  json.EndObject();
  const char* text = JsonbToCString(nullptr, &json.Finish()->root, -1);
  return ToUtf8(text, std::strlen(text));
}

Datum FieldsDatum(const PostPolicy& policy) {
  JsonBuilder json;
  json.BeginObject();
  for (const FormField& field : policy.fields()) json.Member(field.name, field.value);
  json.EndObject();
  return JsonbPGetDatum(json.Finish());
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_presign_post);
Datum neon_s3_presign_post(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText content_type = args.Text();
  const std::optional<std::int64_t> min_length = args.BigInt();
  const std::optional<std::int64_t> max_length = args.BigInt();
  const FieldArgs fields = args.Fields("fields");
  const ConditionArgs conditions = ParseConditions(args.Json());
  const Target target = ReadTarget(args);
  const std::int64_t signed_at = ToUnixSeconds(args.SignedAt());

  Validity validity;
  const PostPolicy* policy = nullptr;
  Guard([&] {
    BackendState& state = BackendState::Get();
    PostPolicyRequest request;
    validity = FindCredentials(state, target, expires_in, signed_at);
    request.address = &state.ResolveClientAddress(target, validity.region);
    request.region = validity.region;
    request.bucket = state.bucket();
    request.key = *key;
    request.expires_in = validity.expires_in;
    request.signed_at = signed_at;
    PostPolicy& form = state.post_policy().emplace(request, validity.credentials);
    if (content_type) {
      ValidateContentType(*content_type);
      form.AddField("Content-Type", *content_type);
    }
    if (min_length || max_length) form.AddLengthRange(min_length, max_length);
    for (const FieldArg& field : fields) form.AddField(field.name, field.value);
    for (const ConditionArg& c : conditions) {
      form.AddCondition(
          {c.kind, std::string(c.name), std::string(c.value), c.min_length, c.max_length});
    }
    form.Finish();
    policy = &form;
  });
  WarnIfClamped(validity);
  const std::string_view json = PolicyJson(*policy);
  Guard([&] {
    BackendState& state = BackendState::Get();
    state.post_policy()->Sign(json, state.presigner().sha256(), state.presigner().signing_keys(),
                              validity.credentials.secret_access_key);
    CountPresigned(Operation::kPresignPost);
  });

  Datum values[] = {TextDatum(policy->url()), FieldsDatum(*policy)};
  bool nulls[lengthof(values)] = {};
  return RowDatum(fcinfo, values, nulls);
}

}  // namespace neon_s3

// A POST policy: an Error, or a form whose every field the policy lets in, with the signature that
// the server will compute.
#include "core/post_policy.h"

#include "core/json.h"
#include "core/text.h"
#include "net/endpoint_url.h"

#include "fuzz.h"
#include "plain_signer.h"

using namespace neon_s3;

namespace {

bool IsMet(const Json& condition, const std::string& name, const std::string& value) {
  if (condition.is_object()) {
    return plain::Lower(condition.begin().key()) == name && *condition.begin() == value;
  }
  if (condition[0] != "starts-with") return false;
  const std::string prefix = condition[2];
  return plain::Lower(condition[1]) == "$" + name && StartsWith(value, prefix);
}

bool IsAbout(const Json& condition, const std::string& name) {
  if (condition.is_object()) return plain::Lower(condition.begin().key()) == name;
  return condition[1].is_string() && plain::Lower(condition[1]) == "$" + name;
}

// As S3 does: each field but these has a condition, and meets all of its own.
void CheckField(const Json& conditions, const std::string& name, const std::string& value) {
  if (name == "policy" || name == "x-amz-signature") return;
  int count = 0;
  for (const Json& condition : conditions) {
    if (!IsAbout(condition, name)) continue;
    Require(IsMet(condition, name, value));
    ++count;
  }
  Require(count > 0);
}

void CheckForm(const PostForm& form, const PostPolicyRequest& request,
               const Credentials& credentials) {
  const Json fields = Json::parse(form.fields);
  const std::string policy = fields.at("policy");
  const Json document = Json::parse(Base64Decoded(policy).value());
  const std::string date(UtcTime(request.signed_at).date());
  Require(document.at("expiration") == UtcTime(request.signed_at + request.expires_in).extended());
  Require(fields.at("key") == std::string(request.key));
  Require(fields.at("x-amz-signature") ==
          plain::Signature(std::string(credentials.secret_access_key), date,
                           std::string(request.region), policy));
  for (const auto& [name, value] : fields.items()) {
    CheckField(document.at("conditions"), plain::Lower(name), value);
  }
  // What we write we read.
  Require(ParseConditions(document.at("conditions").dump()).size() ==
          document.at("conditions").size());
}

void Sign(Input& input) {
  const Credentials credentials{"AKIDEXAMPLE", "secret", input.Text()};
  static const Address address =
      ResolveAddress(AwsEndpoint("us-east-1"), AddressingStyle::kAuto, "my-bucket");
  PostPolicyRequest request{&address,     "us-east-1",    "my-bucket",
                            input.Text(), input.Number(), input.Number()};
  if (request.expires_in < 1 || request.expires_in > 604800) return;
  PostPolicy policy(request, credentials);
  const std::int64_t min_length = input.Number(), max_length = input.Number();
  if (min_length != 0 || max_length != 0) policy.AddLengthRange(min_length, max_length);
  const std::string_view conditions = input.Text();
  while (!input.empty()) {
    const std::string_view name = input.Text(), value = input.Text();
    policy.AddField(name, value);
  }
  if (!conditions.empty()) policy.AddConditions(conditions);
  static SigV4Signer signer;
  CheckForm(policy.Sign(credentials.secret_access_key, signer), request, credentials);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Accepts([&] { Sign(input); });
  return 0;
}

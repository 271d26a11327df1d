// The replies that hold credentials: nlohmann's own tree and the reader that builds none agree on
// JSON; XML of STS gives keys that a header can hold, or an Error.
#include "core/credential_response.h"

#include <nlohmann/json.hpp>

#include "core/text.h"
#include "core/utc_time.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

using Parse = OwnedCredentials (*)(const std::string&);

bool Tells(const Error& error, const std::string& secret) {
  return secret.size() >= 8 && DescribeError(error).find(secret) != std::string::npos;
}

// Whether what tells a secret are words of ours, which are the same for any other.
bool TellsAnyway(const std::string& secret, Parse parse, std::string body) {
  for (std::size_t at = 0; (at = body.find(secret, at)) != std::string::npos;)
    body.replace(at, secret.size(), secret.size(), 'x');
  try {
    parse(body);
  } catch (const Error& error) {
    return Tells(error, secret);
  }
  return false;
}

// An Error tells of no key.
std::optional<OwnedCredentials> Read(const std::string& secret, Parse parse,
                                     const std::string& body) {
  std::optional<OwnedCredentials> keys;
  try {
    keys = parse(body);
  } catch (const Error& error) {
    Require(IsValidUtf8(DescribeError(error)));
    Require(!Tells(error, secret) ||
            (body.find(secret) != std::string::npos && TellsAnyway(secret, parse, body)));
    return std::nullopt;
  }
  for (const SecretString* text :
       {&keys->access_key_id, &keys->secret_access_key, &keys->session_token}) {
    Require(CredentialFault(*text).empty() && WithoutOuterSpace(*text) == std::string_view(*text));
  }
  Require(!keys->access_key_id.empty() && !keys->secret_access_key.empty());
  return keys;
}

OwnedCredentials ReadDocument(const std::string& body) {
  return ParseCredentialDocument(body, "source");
}
OwnedCredentials ReadRole(const std::string& body) {
  return ParseAssumeRoleResponse(SecretString(body), "source");
}

std::string TextOf(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

void CheckDocument(const std::string& body) {
  const nlohmann::json document = nlohmann::json::parse(body, nullptr, false);
  const std::string secret = document.is_object() ? TextOf(document, "SecretAccessKey") : "";
  const auto keys = Read(secret, ReadDocument, body);
  if (!keys) return;
  Require(document.is_object());
  // A null after a text changes nothing here.
  if (document.dump().find("null") != std::string::npos) return;
  Require(WithoutOuterSpace(TextOf(document, "AccessKeyId")) ==
          std::string_view(keys->access_key_id));
  Require(WithoutOuterSpace(secret) == std::string_view(keys->secret_access_key));
  Require(WithoutOuterSpace(TextOf(document, "Token")) == std::string_view(keys->session_token));
  const std::string expiration = TextOf(document, "Expiration");
  if (!expiration.empty()) Require(keys->expires_at == ParseIso8601(expiration));
  const std::string code = TextOf(document, "Code");
  Require(code.empty() || code == "Success");
}

void CheckRole(const std::string& body) {
  const auto keys = Read("wJalrXUtnFEMIEXAMPLE", ReadRole, body);
  if (keys) Require(!keys->session_token.empty() && keys->expires_at);
  const ErrorReply error = ParseErrorResponse(SecretString(body));
  Require(IsPrintable(error.code) && IsPrintable(error.request_id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  if (StartsWith(body, "<")) {
    CheckRole(body);
  } else {
    CheckDocument(body);
  }
  return 0;
}

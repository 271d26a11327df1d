#include "core/credential_response.h"

#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

// nlohmann's parser, with strings that are wiped.
using SecretJson = nlohmann::basic_json<std::map, std::vector, SecretString>;

[[noreturn]] void RaiseMalformed(const std::string& source, const std::string& problem) {
  throw Error(ErrorCode::kMalformedReply, "malformed reply from " + source, "", problem);
}

OwnedCredentials Checked(OwnedCredentials keys, std::string_view expiration,
                         const std::string& source) {
  for (SecretString* text : {&keys.access_key_id, &keys.secret_access_key, &keys.session_token}) {
    *text = SecretString(WithoutOuterSpace(*text));
  }
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    RaiseMalformed(source, "It has no credentials.");
  }
  // They become part of headers and URLs.
  for (const SecretString* text :
       {&keys.access_key_id, &keys.secret_access_key, &keys.session_token}) {
    const std::string fault = CredentialFault(*text);
    if (!fault.empty()) RaiseMalformed(source, "A part of its credentials " + fault + ".");
  }
  if (expiration.empty()) return keys;
  keys.expires_at = ParseIso8601(expiration);
  if (!keys.expires_at) RaiseMalformed(source, "Its time of expiry cannot be read.");
  return keys;
}

// Collects the strings of the outermost object, and builds nothing. Its functions are the parser's
// interface; false ends the parse.
class DocumentReader {
 public:
  SecretString access_key_id, secret_access_key, token, expiration, code;

  bool null() { return depth_ > 0; }  // like nothing at all
  bool boolean(bool) { return IsElsewhere(); }
  bool number_integer(std::int64_t) { return IsElsewhere(); }
  bool number_unsigned(std::uint64_t) { return IsElsewhere(); }
  template <typename Text>
  bool number_float(double, const Text&) {
    return IsElsewhere();
  }
  bool binary(SecretJson::binary_t&) { return false; }
  bool string(SecretString& value) {
    if (depth_ == 0) return false;
    if (depth_ == 1 && field_ != nullptr) *field_ = std::move(value);
    return true;
  }
  bool key(SecretString& name) {
    if (depth_ == 1) field_ = FieldOf(name);
    return true;
  }
  bool start_object(std::size_t) { return (depth_ == 0 || IsElsewhere()) && Descend(); }
  bool start_array(std::size_t) { return IsElsewhere() && Descend(); }
  bool end_object() { return Ascend(); }
  bool end_array() { return Ascend(); }
  template <typename Exception>
  bool parse_error(std::size_t, const std::string&, const Exception&) {
    return false;
  }

 private:
  static constexpr int kMaxDepth = 16;

  SecretString* FieldOf(const SecretString& name) {
    if (name == "AccessKeyId") return &access_key_id;
    if (name == "SecretAccessKey") return &secret_access_key;
    if (name == "Token") return &token;
    if (name == "Expiration") return &expiration;
    if (name == "Code") return &code;
    return nullptr;
  }

  // Not where one of our strings belongs, nor instead of the outermost object.
  bool IsElsewhere() const { return depth_ > 1 || (depth_ == 1 && field_ == nullptr); }
  bool Descend() { return ++depth_ <= kMaxDepth; }
  bool Ascend() {
    --depth_;
    return true;
  }

  SecretString* field_ = nullptr;  // for the value that comes next at depth 1
  int depth_ = 0;
};

SecretString TextOf(const pugi::xml_node& node, const char* name) {
  return RawXmlText<SecretString>(node.child(name));
}

// The texts of the document are in `body`, which wipes itself.
bool ParseXml(SecretString* body, pugi::xml_document* document) {
  return ParseXmlInPlace(body->data(), body->size(), kMaxCredentialReplySize, document) ==
         XmlStatus::kOk;
}

}  // namespace

OwnedCredentials ParseCredentialDocument(std::string_view body, const std::string& source) {
  if (body.size() > kMaxCredentialReplySize) RaiseMalformed(source, "It is larger than 64 KiB.");
  DocumentReader reader;
  if (!SecretJson::sax_parse(body.begin(), body.end(), &reader)) {
    RaiseMalformed(source, "It is not a JSON object with credentials.");
  }
  if (!reader.code.empty() && reader.code != "Success") {
    throw Error(ErrorCode::kRefused, source + " refused to give credentials", "",
                DescribeErrorReply({PlainWord(reader.code), {}}, 200));
  }
  OwnedCredentials keys;
  keys.access_key_id = std::move(reader.access_key_id);
  keys.secret_access_key = std::move(reader.secret_access_key);
  keys.session_token = std::move(reader.token);
  return Checked(std::move(keys), reader.expiration, source);
}

OwnedCredentials ParseAssumeRoleResponse(SecretString body, const std::string& source) {
  pugi::xml_document document;
  if (!ParseXml(&body, &document)) RaiseMalformed(source, "It is not XML of at most 64 KiB.");
  const pugi::xml_node reply = document.first_child();
  const bool web = reply.child("AssumeRoleWithWebIdentityResult");
  const pugi::xml_node result =
      reply.child(web ? "AssumeRoleWithWebIdentityResult" : "AssumeRoleResult");
  const pugi::xml_node credentials = result.child("Credentials");
  OwnedCredentials keys;
  keys.access_key_id = TextOf(credentials, "AccessKeyId");
  keys.secret_access_key = TextOf(credentials, "SecretAccessKey");
  keys.session_token = TextOf(credentials, "SessionToken");
  const SecretString expiration = TextOf(credentials, "Expiration");
  if (keys.session_token.empty() || expiration.empty()) {
    RaiseMalformed(source, "It has no temporary credentials.");
  }
  return Checked(std::move(keys), expiration, source);
}

ErrorReply ParseErrorResponse(SecretString body) {
  pugi::xml_document document;
  if (!ParseXml(&body, &document)) return {};
  const pugi::xml_node reply = document.child("ErrorResponse");
  return {PlainWord(TextOf(reply.child("Error"), "Code")), PlainWord(TextOf(reply, "RequestId"))};
}

}  // namespace neon_s3

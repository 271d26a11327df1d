#include "core/profile_file.h"

#include <algorithm>
#include <optional>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"

namespace neon_s3 {
namespace {

[[noreturn]] void Refuse(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kCredentialsFile,
              "invalid credentials file \"" + WithoutControls(path) + "\": " + problem);
}

// ---------------------------------------------------------------- what a profile can say

struct SecretSetting {
  std::string_view key;
  SecretString OwnedCredentials::*field;
};
constexpr SecretSetting kSecretSettings[] = {
    {"aws_access_key_id", &OwnedCredentials::access_key_id},
    {"aws_secret_access_key", &OwnedCredentials::secret_access_key},
    {"aws_session_token", &OwnedCredentials::session_token},
    {"aws_security_token", &OwnedCredentials::session_token},
};

// Nested settings have their parent in front.
struct TextSetting {
  std::string_view key;
  std::string Profile::*field;
};
constexpr TextSetting kTextSettings[] = {
    {"role_arn", &Profile::role_arn},
    {"source_profile", &Profile::source_profile},
    {"web_identity_token_file", &Profile::web_identity_token_file},
    {"external_id", &Profile::external_id},
    {"role_session_name", &Profile::role_session_name},
    {"duration_seconds", &Profile::duration_seconds},
    {"region", &Profile::region},
    {"endpoint_url", &Profile::endpoint_url},
    {"services", &Profile::services},
    {"ignore_configured_endpoint_urls", &Profile::ignore_configured_endpoint_urls},
    {"use_fips_endpoint", &Profile::use_fips_endpoint},
    {"use_dualstack_endpoint", &Profile::use_dualstack_endpoint},
    {"ca_bundle", &Profile::ca_bundle},
    {"s3_use_arn_region", &Profile::s3_use_arn_region},
    {"s3.addressing_style", &Profile::s3_addressing_style},
    {"s3.use_dualstack_endpoint", &Profile::s3_use_dualstack_endpoint},
    {"s3.use_accelerate_endpoint", &Profile::s3_use_accelerate_endpoint},
    {"s3.use_arn_region", &Profile::s3_section_use_arn_region},
    {"s3.signature_version", &Profile::s3_signature_version},
    {"credential_source", &Profile::credential_source},
    {"credential_process", &Profile::credential_process},
    {"mfa_serial", &Profile::mfa_serial},
    {"login_session", &Profile::login_session},
    {"sso_session", &Profile::sso_session},
    {"sso_start_url", &Profile::sso_start_url},
    {"sso_account_id", &Profile::sso_account_id},
    {"sso_role_name", &Profile::sso_role_name},
};

template <typename Setting, std::size_t kCount>
const Setting* FindSetting(const Setting (&settings)[kCount], std::string_view key) {
  const auto found = std::find_if(std::begin(settings), std::end(settings),
                                  [key](const Setting& setting) { return setting.key == key; });
  return found == std::end(settings) ? nullptr : found;
}

bool HasKeys(const OwnedCredentials& keys) {
  return !keys.access_key_id.empty() || !keys.secret_access_key.empty();
}

// ---------------------------------------------------------------- lines

// Takes the next line off `text`, and returns it without its end: LF, CRLF or CR.
std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = text->find_first_of("\r\n");
  const std::string_view line = text->substr(0, end);
  if (end == std::string_view::npos) {
    *text = {};
    return line;
  }
  const bool crlf = text->substr(end, 2) == "\r\n";
  text->remove_prefix(end + (crlf ? 2 : 1));
  return line;
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

bool StartsComment(char c) { return c == '#' || c == ';'; }

std::string_view WithoutComment(std::string_view content) {
  for (std::size_t i = 1; i < content.size(); ++i) {
    if (StartsComment(content[i]) && IsSpace(content[i - 1]))
      return WithoutOuterSpace(content.substr(0, i));
  }
  return content;
}

std::string_view Unquote(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// NAME of "[kind NAME]", or nullopt for other sections.
std::optional<std::string_view> NameIn(std::string_view section, std::string_view kind) {
  const std::string_view rest = section.substr(std::min(kind.size(), section.size()));
  if (!StartsWith(section, kind) || rest.empty() || !IsSpace(rest.front())) return std::nullopt;
  return Unquote(WithoutOuterSpace(rest));
}

// One line after the other, into a ProfileFile.
class Parser {
 public:
  Parser(ProfileFileKind kind, const std::string& path) : kind_(kind), path_(path) {}

  void ReadLine(std::string_view line) {
    ++line_number_;
    const std::string_view content = WithoutOuterSpace(line);
    if (content.empty() || StartsComment(content.front())) return;
    const auto indent = static_cast<std::size_t>(content.data() - line.data());
    if (indent > last_indent_) {
      ReadNested(WithoutComment(content));
    } else if (content.front() == '[') {
      StartSection(content);
    } else {
      ReadSetting(WithoutComment(content));
      last_indent_ = indent;
    }
  }

  ProfileFile Take() { return std::move(file_); }

 private:
  void StartSection(std::string_view content) {
    const std::size_t end = content.find(']');
    if (end == std::string_view::npos) RefuseLine("has a \"[\" without a \"]\"");
    in_section_ = true;
    last_indent_ = kNoSetting;
    profile_ = nullptr;
    s3_endpoint_url_ = nullptr;
    const std::string_view section = WithoutOuterSpace(content.substr(1, end - 1));
    if (const auto name = ProfileName(section)) {
      profile_ = &file_.profiles[std::string(*name)];
      profile_name_ = *name;
    } else if (const auto services = NameIn(section, "services")) {
      s3_endpoint_url_ = &file_.s3_endpoint_urls[std::string(*services)];
    }
  }

  std::optional<std::string_view> ProfileName(std::string_view section) const {
    if (kind_ == ProfileFileKind::kCredentials || section == "default") return section;
    return NameIn(section, "profile");
  }

  void ReadSetting(std::string_view content) {
    if (!in_section_) RefuseLine("comes before the first \"[profile]\"");
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos || equals == 0) RefuseLine("is not \"key = value\"");
    key_ = LowerCase(WithoutOuterSpace(content.substr(0, equals)));
    const std::string_view value = WithoutOuterSpace(content.substr(equals + 1));
    has_value_ = !value.empty();
    is_read_ = profile_ != nullptr && Assign(key_, value);
    if (profile_ != nullptr && key_ == "s3") profile_->has_s3 = true;
  }

  void ReadNested(std::string_view content) {
    if (has_value_) {
      if (is_read_) RefuseLine("continues the value of \"" + key_ + "\"");
      return;
    }
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) return;
    const std::string key = key_ + "." + LowerCase(WithoutOuterSpace(content.substr(0, equals)));
    const std::string_view value = WithoutOuterSpace(content.substr(equals + 1));
    if (profile_ != nullptr) Assign(key, value);
    if (s3_endpoint_url_ != nullptr && key == "s3.endpoint_url") *s3_endpoint_url_ = value;
  }

  // False where nothing reads the setting.
  bool Assign(std::string_view key, std::string_view value) {
    if (const SecretSetting* secret = FindSetting(kSecretSettings, key)) {
      CheckSecret(key, value);
      profile_->keys.*secret->field = value;
      profile_->keys_are_from_config = kind_ == ProfileFileKind::kConfig;
      return true;
    }
    if (key == "aws_expiration" || key == "x_security_token_expires") {
      profile_->keys.expires_at = ParseIso8601(value);
      return true;
    }
    const TextSetting* text = FindSetting(kTextSettings, key);
    if (text != nullptr) profile_->*text->field = value;
    return text != nullptr;
  }

  void CheckSecret(std::string_view key, std::string_view value) const {
    const std::string fault = CredentialFault(value);
    if (fault.empty()) return;
    Refuse(path_, "line " + std::to_string(line_number_) + ": " + std::string(key) +
                      " of profile \"" + WithoutControls(profile_name_) + "\" " + fault);
  }

  [[noreturn]] void RefuseLine(const std::string& problem) const {
    Refuse(path_, "line " + std::to_string(line_number_) + " " + problem);
  }

  static constexpr std::size_t kNoSetting = std::string_view::npos;

  const ProfileFileKind kind_;
  const std::string& path_;
  ProfileFile file_;
  std::size_t line_number_ = 0;
  bool in_section_ = false;

  // The section we are in; null: it is not that kind of section.
  Profile* profile_ = nullptr;
  std::string profile_name_;
  std::string* s3_endpoint_url_ = nullptr;

  // The setting that deeper lines belong to.
  std::size_t last_indent_ = kNoSetting;
  std::string key_;
  bool has_value_ = false;
  bool is_read_ = false;
};

}  // namespace

ProfileFile ParseProfileFile(std::string_view text, ProfileFileKind kind, const std::string& path) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.size() > kMaxCredentialsFileSize) Refuse(path, "it is larger than 1 MiB");
  if (text.find('\0') != std::string_view::npos) Refuse(path, "it is not a text file");
  if (StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Parser parser(kind, path);
  while (!text.empty()) parser.ReadLine(TakeLine(&text));
  return parser.Take();
}

ProfileFile MergeProfileFiles(const ProfileFile& credentials, const ProfileFile& config) {
  ProfileFile merged = credentials;
  merged.s3_endpoint_urls = config.s3_endpoint_urls;
  for (const auto& [name, more] : config.profiles) {
    Profile& profile = merged.profiles[name];
    if (!HasKeys(profile.keys)) {
      profile.keys = more.keys;
      profile.keys_are_from_config = more.keys_are_from_config;
    }
    for (const TextSetting& setting : kTextSettings) {
      const bool is_replaced = profile.has_s3 && StartsWith(setting.key, "s3.");
      if (is_replaced || !(profile.*setting.field).empty()) continue;
      profile.*setting.field = more.*setting.field;
    }
  }
  return merged;
}

}  // namespace neon_s3

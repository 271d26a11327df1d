#include "core/profile_file.h"

#include <new>

// The header alone: Debian's would want libsimpleini else, and that wants ICU.
#define SI_IMPLEMENTATION
#define SI_NO_CONVERSION
#include <SimpleIni.h>
#include <openssl/crypto.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kSpaces = " \t\v\f";
// A section of our own, the first of what SimpleIni gets; see ParsedIni.
constexpr char kFirstSection[] = "\x01";

[[noreturn]] void Refuse(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kCredentialsFile,
              "invalid credentials file \"" + WithoutControls(path) + "\": " + problem);
}

std::string_view Trim(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kSpaces);
  if (start == std::string_view::npos) return text.substr(text.size());
  return text.substr(start, text.find_last_not_of(kSpaces) - start + 1);
}

// The next line, without its end, is taken off `text`. SimpleIni ends lines at a lone CR, too.
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

bool IsComment(std::string_view content) {
  return content.front() == '#' || content.front() == ';';
}

// A comment behind a value starts at a space and '#' or ';'. No key or token has spaces inside.
std::string_view WithoutComment(std::string_view content) {
  for (std::size_t i = 1; i < content.size(); ++i) {
    const bool starts = content[i] == '#' || content[i] == ';';
    if (starts && kSpaces.find(content[i - 1]) != std::string_view::npos) {
      return Trim(content.substr(0, i));
    }
  }
  return content;
}

// The sections and settings of a file, one a line and flush left, without anything that SimpleIni
// would take for a setting or skip in silence.
class Normalizer {
 public:
  Normalizer(std::string_view text, const std::string& path) : path_(path) {
    out_.reserve(sizeof kFirstSection + text.size() + 4);
    out_.append("[").append(kFirstSection).append("]\n");
    while (!text.empty()) {
      ++line_number_;
      AddLine(TakeLine(&text));
    }
  }

  SecretString Take() { return std::move(out_); }

 private:
  void AddLine(std::string_view line) {
    const std::string_view content = Trim(line);
    if (content.empty() || IsComment(content)) return;
    const auto indent = static_cast<std::size_t>(content.data() - line.data());
    if (indent > last_indent_) return;
    if (content.front() == '[') {
      if (content.find(']') == std::string_view::npos) RefuseLine("has a \"[\" without a \"]\"");
      in_section_ = true;
      last_indent_ = kNoSetting;
    } else {
      const std::size_t equals = content.find('=');
      if (!in_section_) RefuseLine("comes before the first \"[profile]\"");
      if (equals == std::string_view::npos || equals == 0) RefuseLine("is no \"key = value\"");
      last_indent_ = indent;
    }
    out_.append(WithoutComment(content)).append("\n");
  }

  [[noreturn]] void RefuseLine(const char* problem) {
    Refuse(path_, "line " + std::to_string(line_number_) + " " + problem);
  }

  static constexpr std::size_t kNoSetting = std::string_view::npos;

  const std::string& path_;
  SecretString out_;
  std::size_t line_number_ = 0;
  std::size_t last_indent_ = kNoSetting;  // of the setting that deeper lines belong to
  bool in_section_ = false;
};

// SimpleIni parses a copy in place, and frees it as it is. The name of the first section tells
// where that copy is, so that it can be wiped.
class ParsedIni {
 public:
  explicit ParsedIni(const SecretString& text) : size_(text.size()) {
    if (ini_.LoadData(text.data(), text.size()) != SI_OK) throw std::bad_alloc();
    ini_.GetAllSections(sections_);
    sections_.sort(CSimpleIniCaseA::Entry::LoadOrder());
    start_ = const_cast<char*>(sections_.front().pItem) - 1;
    sections_.pop_front();
  }
  ParsedIni(const ParsedIni&) = delete;
  ~ParsedIni() { OPENSSL_cleanse(start_, size_); }

  const CSimpleIniCaseA::TNamesDepend& sections() const { return sections_; }
  const CSimpleIniCaseA::TKeyVal& settings(const char* section) const {
    return *ini_.GetSection(section);
  }

 private:
  CSimpleIniCaseA ini_;
  CSimpleIniCaseA::TNamesDepend sections_;
  std::size_t size_;
  char* start_;
};

std::string_view Unquote(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

std::optional<std::string_view> ProfileName(std::string_view section, ProfileFileKind kind) {
  if (kind == ProfileFileKind::kCredentials || section == "default") return section;
  constexpr std::string_view kPrefix = "profile";
  const std::string_view name = section.substr(std::min(kPrefix.size(), section.size()));
  const bool is_profile = StartsWith(section, kPrefix) && !name.empty() &&
                          kSpaces.find(name.front()) != std::string_view::npos;
  if (!is_profile) return std::nullopt;
  return Unquote(Trim(name));
}

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

struct TextSetting {
  std::string_view key;
  std::string Profile::*field;
};
constexpr TextSetting kTextSettings[] = {
    {"region", &Profile::region},
    {"role_arn", &Profile::role_arn},
    {"source_profile", &Profile::source_profile},
    {"credential_source", &Profile::credential_source},
    {"external_id", &Profile::external_id},
    {"role_session_name", &Profile::role_session_name},
    {"duration_seconds", &Profile::duration_seconds},
    {"credential_process", &Profile::credential_process},
};

void Assign(std::string_view key, std::string_view value, Profile* profile) {
  for (const SecretSetting& setting : kSecretSettings) {
    if (setting.key == key) profile->keys.*setting.field = value;
  }
  for (const TextSetting& setting : kTextSettings) {
    if (setting.key == key) profile->*setting.field = value;
  }
  if (key == "aws_expiration" || key == "x_security_token_expires") {
    profile->keys.expires_at = ParseIso8601(value);
  }
}

bool HasKeys(const OwnedCredentials& keys) {
  return !keys.access_key_id.empty() || !keys.secret_access_key.empty();
}

}  // namespace

Profiles ParseProfileFile(std::string_view text, ProfileFileKind kind, const std::string& path) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.size() > kMaxCredentialsFileSize) Refuse(path, "it is larger than 1 MiB");
  if (text.find('\0') != std::string_view::npos) Refuse(path, "it is not a text file");
  if (StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  const ParsedIni ini(Normalizer(text, path).Take());
  Profiles profiles;
  for (const CSimpleIniCaseA::Entry& section : ini.sections()) {
    const std::optional<std::string_view> name = ProfileName(section.pItem, kind);
    if (!name) continue;
    Profile& profile = profiles[std::string(*name)];
    for (const auto& [key, value] : ini.settings(section.pItem)) {
      Assign(LowerCase(key.pItem), value, &profile);
    }
  }
  return profiles;
}

Profiles MergeProfiles(Profiles credentials, const Profiles& config) {
  for (const auto& [name, more] : config) {
    Profile& profile = credentials[name];
    if (!HasKeys(profile.keys)) profile.keys = more.keys;
    for (const TextSetting& setting : kTextSettings) {
      if ((profile.*setting.field).empty()) profile.*setting.field = more.*setting.field;
    }
  }
  return credentials;
}

}  // namespace neon_s3

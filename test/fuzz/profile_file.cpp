// AWS's credentials and config files: an Error with the line, or profiles that, written again, are
// read as the same.
#include "core/profile_file.h"

#include "core/standard_config.h"
#include "core/text.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

struct Setting {
  const char* key;
  std::string Profile::*text;
};
constexpr Setting kSettings[] = {
    {"role_arn", &Profile::role_arn},         {"source_profile", &Profile::source_profile},
    {"external_id", &Profile::external_id},   {"region", &Profile::region},
    {"endpoint_url", &Profile::endpoint_url}, {"services", &Profile::services},
    {"ca_bundle", &Profile::ca_bundle},
};

std::string Written(const Profiles& profiles) {
  std::string text;
  for (const auto& [name, profile] : profiles) {
    text += "[profile '" + name + "']\n";
    text.append("aws_access_key_id=").append(profile.keys.access_key_id);
    text.append("\naws_secret_access_key=").append(profile.keys.secret_access_key).append("\n");
    for (const Setting& setting : kSettings) {
      text.append(setting.key).append("=").append(profile.*setting.text).append("\n");
    }
  }
  return text;
}

bool Same(const Profile& a, const Profile& b) {
  for (const Setting& setting : kSettings) {
    if (a.*setting.text != b.*setting.text) return false;
  }
  return a.keys.access_key_id == b.keys.access_key_id &&
         a.keys.secret_access_key == b.keys.secret_access_key;
}

void CheckProfiles(const Profiles& profiles) {
  for (const auto& [name, profile] : profiles) {
    Require(CredentialFault(profile.keys.access_key_id).empty());
    Require(CredentialFault(profile.keys.secret_access_key).empty());
    for (const Setting& setting : kSettings) {
      const std::string& text = profile.*setting.text;
      Require(WithoutOuterSpace(text) == text && text.find_first_of("\r\n") == std::string::npos);
    }
  }
  const Profiles again =
      ParseProfileFile(Written(profiles), ProfileFileKind::kConfig, "again").profiles;
  Require(again.size() == profiles.size());
  Require(std::equal(
      profiles.begin(), profiles.end(), again.begin(),
      [](const auto& a, const auto& b) { return a.first == b.first && Same(a.second, b.second); }));
}

void CheckConfig(const ProfileFile& file) {
  for (const auto& entry : file.profiles) {
    const NamedProfile named{entry.first, &entry.second, &file};
    Accepts([&] {
      const StandardConfig config = ReadStandardConfig(nullptr, &named);
      Require(config.region.text == entry.second.region);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view first = input.Text(), second = input.Text();
  ProfileFile credentials, config;
  if (Accepts([&] { credentials = ParseProfileFile(first, ProfileFileKind::kCredentials, "a"); })) {
    CheckProfiles(credentials.profiles);
  }
  if (!Accepts([&] { config = ParseProfileFile(second, ProfileFileKind::kConfig, "b"); })) return 0;
  CheckProfiles(config.profiles);
  CheckConfig(config);
  const ProfileFile merged = MergeProfileFiles(credentials, config);
  CheckProfiles(merged.profiles);
  CheckConfig(merged);
  for (const auto& [name, profile] : credentials.profiles) {
    const Profile& both = merged.profiles.at(name);
    if (!profile.region.empty()) Require(both.region == profile.region);
    if (!profile.keys.access_key_id.empty())
      Require(both.keys.access_key_id == profile.keys.access_key_id);
  }
  return 0;
}

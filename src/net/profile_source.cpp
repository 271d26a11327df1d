#include "net/profile_source.h"

#include <algorithm>
#include <array>

#include <pwd.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/error.h"
#include "net/environment.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kRememberedFiles = 16;
constexpr std::size_t kMaxRoles = 5;
constexpr std::chrono::seconds kLookInterval{1};
constexpr std::string_view kDefaultProfile = "default";

// What is said of a profile, with its name and file.
class Complaint {
 public:
  Complaint(std::string_view profile, std::string_view path) : profile_(profile), path_(path) {}

  [[noreturn]] void Raise(const std::string& problem, const std::string& hint = {}) const {
    throw Error(ErrorCode::kCredentialsFile,
                "profile \"" + WithoutControls(profile_) + "\" of credentials file \"" +
                    WithoutControls(path_) + "\" " + problem,
                hint);
  }

 private:
  std::string_view profile_, path_;
};

bool HasKeys(const Profile& profile) {
  return !profile.keys.access_key_id.empty() || !profile.keys.secret_access_key.empty();
}

bool HasAnyKeys(const ProfileFile& file) {
  return std::any_of(file.profiles.begin(), file.profiles.end(),
                     [](const auto& named) { return HasKeys(named.second); });
}

void CheckKeys(const Profile& profile, const Complaint& complaint) {
  if (profile.keys.access_key_id.empty()) complaint.Raise("has no aws_access_key_id");
  if (profile.keys.secret_access_key.empty()) complaint.Raise("has no aws_secret_access_key");
}

bool UsesWebIdentity(const Profile& profile) { return !profile.web_identity_token_file.empty(); }

[[noreturn]] void RefuseSso(const Complaint& complaint) {
  complaint.Raise("uses IAM Identity Center (SSO), which is not supported",
                  "Give it aws_access_key_id and aws_secret_access_key, or use another profile.");
}

// Refuses what AWS's tools would choose before the profile's keys, or where it has none.
void CheckSchemes(const Profile& profile, const Complaint& complaint) {
  if (!profile.sso_account_id.empty() || !profile.sso_role_name.empty()) RefuseSso(complaint);
  if (HasKeys(profile) && !profile.keys_are_from_config) return;
  if (!profile.login_session.empty()) {
    complaint.Raise("uses a login_session, which is not supported",
                    "Give it aws_access_key_id and aws_secret_access_key.");
  }
  if (!profile.credential_process.empty()) {
    complaint.Raise("has a credential_process, which is never run",
                    "Give it aws_access_key_id and aws_secret_access_key.");
  }
  if (HasKeys(profile)) return;
  if (!profile.sso_session.empty() || !profile.sso_start_url.empty()) RefuseSso(complaint);
}

// Whether the profile says anything about credentials.
bool IsEmpty(const Profile& profile) {
  return !HasKeys(profile) && profile.role_arn.empty() && !UsesWebIdentity(profile) &&
         profile.credential_source.empty() && profile.credential_process.empty() &&
         profile.login_session.empty() && profile.sso_session.empty() &&
         profile.sso_start_url.empty() && profile.sso_account_id.empty() &&
         profile.sso_role_name.empty();
}

void CheckWebIdentity(const Profile& profile, const Complaint& complaint) {
  if (profile.role_arn.empty()) complaint.Raise("has a web_identity_token_file without a role_arn");
}

// A role is assumed with the keys of a source_profile; other sources are not supported.
void CheckRole(const Profile& profile, const Complaint& complaint) {
  if (!profile.credential_source.empty()) {
    complaint.Raise("has a credential_source, which is not supported",
                    "Name a source_profile, or list that source in neon_s3.credential_providers "
                    "and set the role_arn of a server.");
  }
  if (profile.source_profile.empty()) {
    complaint.Raise("has a role_arn without a source_profile or web_identity_token_file",
                    "Name the profile whose keys may assume the role, or the file of a token.");
  }
  if (!profile.mfa_serial.empty()) {
    complaint.Raise("has an mfa_serial, but there is nobody to ask for a code",
                    "Use a role that demands no MFA.");
  }
}

// Where the chain of roles starts.
void Start(const Profile& profile, const Complaint& complaint, ChosenProfile* chosen) {
  if (UsesWebIdentity(profile)) {
    CheckWebIdentity(profile, complaint);
    chosen->web_identity = &profile;
    return;
  }
  CheckSchemes(profile, complaint);
  if (!HasKeys(profile)) complaint.Raise("has no aws_access_key_id and aws_secret_access_key");
  CheckKeys(profile, complaint);
  chosen->keys = &profile.keys;
}

// Follows the roles from `name` to the keys or the token that they start from.
ChosenProfile Follow(const Profiles& profiles, std::string_view name, const Profile* profile,
                     const std::string& path) {
  ChosenProfile chosen{nullptr, nullptr, {}};
  for (;;) {
    const Complaint complaint(name, path);
    // As in AWS's own tools, a source_profile's keys go before its role, and may be the profile's
    // own.
    const bool is_source = !chosen.roles.empty();
    const bool is_start =
        UsesWebIdentity(*profile) || profile->role_arn.empty() || (is_source && HasKeys(*profile));
    if (is_start) {
      std::reverse(chosen.roles.begin(), chosen.roles.end());
      Start(*profile, complaint, &chosen);
      return chosen;
    }
    CheckRole(*profile, complaint);
    if (chosen.roles.size() == kMaxRoles)
      complaint.Raise("is part of a loop, or too long a chain, of roles");
    chosen.roles.push_back(profile);
    name = profile->source_profile;
    const auto source = profiles.find(name);
    if (source == profiles.end()) {
      complaint.Raise("has the source_profile \"" + WithoutControls(name) +
                      "\", which does not exist");
    }
    profile = &source->second;
  }
}

}  // namespace

NamedProfile ProfileSource::Look(std::string_view credentials_file, std::string_view profile) {
  Files& files = Open(credentials_file);
  Refresh(&files);
  for (const char* variable : {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"}) {
    if (profile.empty()) profile = EnvironmentVariable(variable);
  }
  if (profile.empty()) profile = kDefaultProfile;
  const auto found = files.merged.profiles.find(profile);
  if (found != files.merged.profiles.end()) return {found->first, &found->second, &files.merged};
  if (profile != kDefaultProfile) {
    Complaint(profile, files.credentials.path).Raise("does not exist");
  }
  return {profile, nullptr, &files.merged};
}

std::optional<ChosenProfile> ProfileSource::Find(std::string_view credentials_file,
                                                 std::string_view profile) {
  const NamedProfile found = Look(credentials_file, profile);
  const Files& files = files_.front();
  const bool asked_for = files.credentials.required || found.name != kDefaultProfile;
  if (!asked_for && (found.profile == nullptr || IsEmpty(*found.profile))) return std::nullopt;
  if (found.profile == nullptr) {
    Complaint(found.name, files.credentials.path).Raise("does not exist");
  }
  return Follow(found.file->profiles, found.name, found.profile, files.credentials.path);
}

MonotonicTime ProfileSource::look_again_at() const {
  const Files& files = files_.front();
  return std::min(*files.credentials.looked_at, *files.config.looked_at) + kLookInterval;
}

ProfileSource::Files& ProfileSource::Open(std::string_view credentials_file) {
  const std::string_view config_file = EnvironmentVariable("AWS_CONFIG_FILE");
  if (credentials_file.empty())
    credentials_file = EnvironmentVariable("AWS_SHARED_CREDENTIALS_FILE");
  const auto is_named = [](const WatchedFile& file, std::string_view name) {
    return file.required ? file.path == name : name.empty();
  };
  const auto known = std::find_if(files_.begin(), files_.end(), [&](const Files& files) {
    return is_named(files.credentials, credentials_file) && is_named(files.config, config_file);
  });
  if (known != files_.end()) {
    files_.splice(files_.begin(), files_, known);
    return files_.front();
  }

  const auto watch = [this](std::string_view name, const char* otherwise, ProfileFileKind kind) {
    const std::string path = name.empty() ? HomeDirectory() + otherwise : std::string(name);
    return WatchedFile{path, kind, !name.empty(), std::nullopt, std::nullopt, {}};
  };
  if (files_.size() == kRememberedFiles) files_.pop_back();
  files_.push_front({watch(credentials_file, "/.aws/credentials", ProfileFileKind::kCredentials),
                     watch(config_file, "/.aws/config", ProfileFileKind::kConfig),
                     {},
                     true});
  return files_.front();
}

void ProfileSource::Refresh(Files* files) {
  const MonotonicTime now = clock_();
  // Remembered, because the second may throw.
  if (Reread(&files->credentials, now)) files->stale = true;
  if (Reread(&files->config, now)) files->stale = true;
  if (!files->stale) return;
  files->merged = MergeProfileFiles(files->credentials.contents, files->config.contents);
  files->stale = false;
}

// True where the file's profiles are others than before.
bool ProfileSource::Reread(WatchedFile* file, MonotonicTime now) {
  if (file->looked_at && now - *file->looked_at < kLookInterval) return false;
  const std::optional<FileIdentity> identity = IdentifyFile(file->path);
  const bool first = !file->looked_at;
  if (!first && identity && identity == file->identity) {
    file->looked_at = now;
    return false;
  }

  // Until it was read to its end there is nothing to go on with: errors come back at every call.
  const bool had_profiles = !file->contents.profiles.empty();
  file->looked_at.reset();
  file->identity.reset();
  file->contents = {};
  // A config file without keys holds no secret.
  const bool may_be_open = file->kind == ProfileFileKind::kConfig;
  const std::optional<FileText> contents =
      ReadFile(file->path, may_be_open ? FileKind::kConfig : FileKind::kPrivate);
  if (!contents && file->required) RefuseMissingFile(file->path);
  if (contents) {
    ProfileFile parsed = ParseProfileFile(contents->text, file->kind, file->path);
    if (may_be_open && HasAnyKeys(parsed)) RequirePrivate(file->path, contents->identity);
    file->contents = std::move(parsed);
    file->identity = contents->identity;
  }
  file->looked_at = now;
  return contents || had_profiles || first;
}

const std::string& ProfileSource::HomeDirectory() {
  if (home_) return *home_;
  // glibc crashes where its first look finds no memory.
  ::operator delete(::operator new(1 << 16));
  std::array<char, 16384> buffer;
  struct passwd entry;
  struct passwd* found = nullptr;
  const int error = getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
  // No such user, in a container say: no such directory either.
  home_.emplace(error == 0 && found != nullptr ? found->pw_dir : "/nonexistent");
  return *home_;
}

}  // namespace neon_s3

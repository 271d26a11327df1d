// AWS's shared credentials and config files, as text: `[name]` sections of `key = value` lines.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/credentials.h"

namespace neon_s3 {

constexpr std::size_t kMaxCredentialsFileSize = 1 << 20;

// What is not in the file is empty.
struct Profile {
  OwnedCredentials keys;
  std::string region;
  std::string role_arn;
  std::string source_profile;
  std::string credential_source;  // noted only, like credential_process: neither is followed
  std::string external_id;
  std::string role_session_name;
  std::string duration_seconds;
  std::string credential_process;
};

using Profiles = std::map<std::string, Profile, std::less<>>;

enum class ProfileFileKind {
  kCredentials,  // [name]
  kConfig,       // [profile name] and [default]; other sections are none of ours
};

// The text of the file at `path`, which only messages name. Sections of one name are one profile;
// of keys of one name the last counts. Settings that are indented below another one ("s3 =") belong
// to that one, and are skipped; so are keys that Profile has no field for, and expiry times that
// can't be read. kCredentialsFile, with the line's number, for a line that is nothing of the kind:
// what is behind a broken "[name" must not become part of the profile before it.
Profiles ParseProfileFile(std::string_view text, ProfileFileKind kind, const std::string& path);

// Both files' profiles as one list. Where both have a setting, the credentials file's counts; the
// keys all come from one of the two.
Profiles MergeProfiles(Profiles credentials, const Profiles& config);

}  // namespace neon_s3

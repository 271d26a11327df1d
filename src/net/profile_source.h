// Profiles from the files they are in, which are read again when they change.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/profile_file.h"
#include "core/standard_config.h"
#include "net/file_reader.h"
#include "net/monotonic.h"

namespace neon_s3 {

// What a profile's credentials start from, and the roles that lead to it from there.
struct ChosenProfile {
  const OwnedCredentials* keys;       // null: a token is traded instead
  const Profile* web_identity;        // whose token and role; null: keys
  std::vector<const Profile*> roles;  // in the order in which they are assumed
};

class ProfileSource {
 public:
  explicit ProfileSource(MonotonicClock clock) : clock_(clock) {}

  // The profile of that name, or $AWS_DEFAULT_PROFILE, or $AWS_PROFILE, or "default"; in
  // `credentials_file`, or $AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials of the process's
  // user, and in $AWS_CONFIG_FILE, or ~/.aws/config. Good until the next call.
  //
  // Files are looked at once a second at most. Nothing where the default files or the default
  // profile do not exist or hold no credentials. kCredentialsFile where that is so of a file or
  // profile that was named, where a file is refused (file_reader.h), and where a profile has half
  // of a key, a role that can't be assumed, or a scheme that is not supported: SSO, login_session,
  // credential_process, credential_source, mfa_serial.
  std::optional<ChosenProfile> Find(std::string_view credentials_file, std::string_view profile);

  // The same profile, with or without credentials: null where "default" does not exist. The errors
  // of files, and kCredentialsFile where a profile that was named does not exist.
  NamedProfile Look(std::string_view credentials_file, std::string_view profile);

  // When Find() will look at the files of the last call again. Only after it has returned.
  MonotonicTime look_again_at() const;

 private:
  struct WatchedFile {
    std::string path;
    ProfileFileKind kind;
    bool required;  // it was named, and is not the default
    std::optional<FileIdentity> identity;
    std::optional<MonotonicTime> looked_at;
    ProfileFile contents;
  };
  struct Files {
    WatchedFile credentials, config;
    ProfileFile merged;
    bool stale;  // merged is
  };

  Files& Open(std::string_view credentials_file);
  void Refresh(Files* files);
  static bool Reread(WatchedFile* file, MonotonicTime now);
  const std::string& HomeDirectory();

  MonotonicClock clock_;
  std::list<Files> files_;  // the last used first
  std::optional<std::string> home_;
};

}  // namespace neon_s3

// AWS's shared credentials and config files, as text: `[name]` sections of `key = value` lines.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/credentials.h"

namespace neon_s3 {

constexpr std::size_t kMaxCredentialsFileSize = 1 << 20;

// What is not in the file is empty.
struct Profile {
  OwnedCredentials keys;
  bool keys_are_from_config = false;  // not from the credentials file

  // Roles.
  std::string role_arn;
  std::string source_profile;
  std::string web_identity_token_file;
  std::string external_id;
  std::string role_session_name;
  std::string duration_seconds;

  // Where S3 is.
  std::string region;
  std::string endpoint_url;
  std::string services;  // the name of a [services] section
  std::string ignore_configured_endpoint_urls;
  std::string use_fips_endpoint;
  std::string use_dualstack_endpoint;
  std::string ca_bundle;
  std::string s3_use_arn_region;
  bool has_s3 = false;  // "s3 =", below which the next ones are nested
  std::string s3_addressing_style;
  std::string s3_use_dualstack_endpoint;
  std::string s3_use_accelerate_endpoint;
  std::string s3_section_use_arn_region;
  std::string s3_signature_version;

  // Read so that an error can name them: none of them is supported.
  std::string credential_source;
  std::string credential_process;
  std::string mfa_serial;
  std::string login_session;
  std::string sso_session;
  std::string sso_start_url;
  std::string sso_account_id;
  std::string sso_role_name;
};

using Profiles = std::map<std::string, Profile, std::less<>>;

struct ProfileFile {
  Profiles profiles;
  // "endpoint_url" below "s3 =" in [services NAME], by that name.
  std::map<std::string, std::string, std::less<>> s3_endpoint_urls;
};

enum class ProfileFileKind {
  kCredentials,  // [name]
  kConfig,       // [profile name], [default] and [services name]; other sections are not read
};

// Parses the text of the file at `path`, which only messages name. Sections of one name are one
// profile, and the last of several settings with one name counts. Keys that Profile lacks are
// skipped, and so are expiry times that cannot be read. A comment starts with '#' or ';', at the
// start of a line or behind white space.
//
// kCredentialsFile, with the number of the line, for a line that is neither section nor setting
// (what follows a broken "[name" must not become part of the profile before it), for one that
// continues the value of a setting that is read, and for a key that CredentialFault() refuses.
ProfileFile ParseProfileFile(std::string_view text, ProfileFileKind kind, const std::string& path);

// Both files' profiles in one. Where both have a setting, the credentials file's counts; the keys
// all come from one of the two, and so does what is nested below "s3 =".
ProfileFile MergeProfileFiles(const ProfileFile& credentials, const ProfileFile& config);

}  // namespace neon_s3

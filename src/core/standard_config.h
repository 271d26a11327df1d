// What AWS's own tools read from the environment and from a profile about where S3 is.
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
#pragma once

#include <string>
#include <string_view>

#include "core/profile_file.h"

namespace neon_s3 {

// A value, and where it was found: "AWS_REGION", or "region of profile \"default\"".
struct ConfigValue {
  std::string text;  // empty: not set
  std::string source;

  bool is_set() const { return !text.empty(); }
  bool is_true() const;  // as botocore has it: "true" in any case
};

struct StandardConfig {
  ConfigValue region;
  ConfigValue endpoint;
  ConfigValue addressing_style;  // "auto", "virtual" or "path"
  ConfigValue ca_bundle;
  ConfigValue use_fips, use_dualstack;
  ConfigValue use_arn_region;  // of access points; not set: true
};

// A variable's value, or empty.
using Environment = std::string_view (*)(const char* name);

struct NamedProfile {
  std::string_view name;
  const Profile* profile;   // null: there is none
  const ProfileFile* file;  // it is in
};

// Variables go before the profile, as in botocore; AWS_REGION, which botocore does not know, goes
// before AWS_DEFAULT_REGION. Either may be null: it is not read. kCredentialsFile for a profile,
// and kBadArgument for a variable, with a value that can't be used or that is not supported.
StandardConfig ReadStandardConfig(Environment environment, const NamedProfile* profile);

}  // namespace neon_s3

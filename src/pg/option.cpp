#include "pg/option.h"

#include "core/endpoint.h"
#include "net/endpoint_url.h"
#include "net/providers.h"

namespace neon_s3 {
namespace {

template <std::string_view Target::*kMember>
std::string_view& Text(Target& target) {
  return target.*kMember;
}

template <std::string_view Credentials::*kMember>
std::string_view& Secret(Target& target) {
  return target.static_credentials.*kMember;
}

void CheckRegion(const char* value) { ValidateRegion(value); }
void CheckBucket(const char* value) { ValidateBucketName(value); }
void CheckStyle(const char* value) { ParseAddressingStyle(value); }
void CheckProviders(const char* value) { ParseProviders(value); }
void CheckEndpoint(const char* value) {
  if (*value) ParseEndpointUrl(value);
}

void CheckKeyId(const char* value) { ValidateCredential("access_key_id", value); }
void CheckSecretKey(const char* value) { ValidateCredential("secret_access_key", value); }
void CheckToken(const char* value) { ValidateCredential("session_token", value); }

constexpr OptionOwner kServer = OptionOwner::kServer, kMapping = OptionOwner::kUserMapping;

}  // namespace

const Option kOptions[] = {
    {"region", kServer, false, CheckRegion, Text<&Target::region>, &Settings::region},
    {"bucket", kServer, false, CheckBucket, Text<&Target::default_bucket>, &Settings::bucket},
    {"endpoint", kServer, false, CheckEndpoint, Text<&Target::endpoint>, &Settings::endpoint},
    {"public_endpoint", kServer, false, CheckEndpoint, Text<&Target::public_endpoint>,
     &Settings::public_endpoint},
    {"public_url_base", kServer, false, CheckEndpoint, Text<&Target::public_url_base>,
     &Settings::public_url_base},
    {"addressing_style", kServer, false, CheckStyle, Text<&Target::addressing_style>,
     &Settings::addressing_style},
    {"credential_providers", kServer, true, CheckProviders, Text<&Target::credential_providers>,
     &Settings::credential_providers},
    {"credentials_file", kServer, true, nullptr, Text<&Target::credentials_file>,
     &Settings::credentials_file},
    {"profile", kServer, true, nullptr, Text<&Target::profile>, &Settings::profile},
    {"role_arn", kServer, true, nullptr, Text<&Target::role_arn>, nullptr},
    {"external_id", kServer, true, nullptr, Text<&Target::external_id>, nullptr},
    {"role_session_name", kServer, true, nullptr, Text<&Target::role_session_name>, nullptr},
    {"access_key_id", kMapping, false, CheckKeyId, Secret<&Credentials::access_key_id>,
     &Settings::access_key_id},
    {"secret_access_key", kMapping, false, CheckSecretKey, Secret<&Credentials::secret_access_key>,
     &Settings::secret_access_key},
    {"session_token", kMapping, false, CheckToken, Secret<&Credentials::session_token>,
     &Settings::session_token},
};

const std::size_t kOptionCount = sizeof kOptions / sizeof *kOptions;

}  // namespace neon_s3

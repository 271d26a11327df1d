#include "core/standard_config.h"

#include <initializer_list>

#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

class Reader {
 public:
  Reader(Environment environment, const NamedProfile* profile)
      : environment_(environment), profile_(profile) {}

  ConfigValue Variable(std::initializer_list<const char*> names) const {
    if (environment_ == nullptr) return {};
    for (const char* name : names) {
      const std::string_view value = WithoutOuterSpace(environment_(name));
      if (!value.empty()) return {std::string(value), name};
    }
    return {};
  }

  ConfigValue Setting(const char* name, std::string Profile::*setting) const {
    const Profile* profile = profile_ == nullptr ? nullptr : profile_->profile;
    if (profile == nullptr || (profile->*setting).empty()) return {};
    return {profile->*setting,
            std::string(name) + " of profile \"" + WithoutControls(profile_->name) + "\""};
  }

  ConfigValue Either(std::initializer_list<const char*> variables, const char* name,
                     std::string Profile::*setting) const {
    ConfigValue value = Variable(variables);
    return value.is_set() ? value : Setting(name, setting);
  }

  // "endpoint_url" below "s3 =" in the section that "services" names.
  ConfigValue Service() const {
    ConfigValue services = Setting("services", &Profile::services);
    if (!services.is_set()) return {};
    const auto& sections = profile_->file->s3_endpoint_urls;
    const auto found = sections.find(services.text);
    if (found == sections.end()) {
      throw Error(ErrorCode::kCredentialsFile, services.source + " is \"" +
                                                   WithoutControls(services.text) +
                                                   "\", but that section does not exist");
    }
    return {found->second, "endpoint_url of section \"services " + services.text + "\""};
  }

  ConfigValue Endpoint() const {
    const ConfigValue ignore =
        Either({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}, "ignore_configured_endpoint_urls",
               &Profile::ignore_configured_endpoint_urls);
    if (ignore.is_true()) return {};
    ConfigValue value = Variable({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
    if (!value.is_set()) value = Service();
    if (!value.is_set()) value = Setting("endpoint_url", &Profile::endpoint_url);
    return value;
  }

  ConfigValue Dualstack() const {
    ConfigValue value = Setting("s3 use_dualstack_endpoint", &Profile::s3_use_dualstack_endpoint);
    if (value.is_true()) return value;
    return Either({"AWS_USE_DUALSTACK_ENDPOINT"}, "use_dualstack_endpoint",
                  &Profile::use_dualstack_endpoint);
  }

  ConfigValue UseArnRegion() const {
    ConfigValue value =
        Either({"AWS_S3_USE_ARN_REGION"}, "s3_use_arn_region", &Profile::s3_use_arn_region);
    if (value.is_set()) return value;
    return Setting("s3 use_arn_region", &Profile::s3_section_use_arn_region);
  }

  void CheckSupported() const {
    const ConfigValue accelerate =
        Setting("s3 use_accelerate_endpoint", &Profile::s3_use_accelerate_endpoint);
    if (accelerate.is_true()) {
      throw Error(ErrorCode::kCredentialsFile, accelerate.source + " is not supported",
                  "Set the endpoint to \"https://s3-accelerate.amazonaws.com\".");
    }
    const ConfigValue version = Setting("s3 signature_version", &Profile::s3_signature_version);
    if (version.is_set() && version.text != "s3v4") {
      throw Error(ErrorCode::kCredentialsFile,
                  version.source + " is \"" + WithoutControls(version.text) + "\"",
                  "Only \"s3v4\" is supported.");
    }
  }

 private:
  const Environment environment_;
  const NamedProfile* const profile_;
};

void CheckRegion(const ConfigValue& region) {
  if (!region.is_set() || IsRegion(region.text)) return;
  const bool is_variable = StartsWith(region.source, "AWS_");
  throw Error(is_variable ? ErrorCode::kBadArgument : ErrorCode::kCredentialsFile,
              region.source + " is \"" + WithoutControls(region.text) + "\"",
              "A region looks like \"eu-central-1\".");
}

void CheckStyle(const ConfigValue& style) {
  const std::string& name = style.text;
  if (name.empty() || name == "auto" || name == "virtual" || name == "path") return;
  throw Error(ErrorCode::kCredentialsFile, style.source + " is \"" + WithoutControls(name) + "\"",
              "Use auto, virtual or path.");
}

}  // namespace

bool ConfigValue::is_true() const { return EqualsLower(text, "true"); }

StandardConfig ReadStandardConfig(Environment environment, const NamedProfile* profile) {
  const Reader reader(environment, profile);
  reader.CheckSupported();
  StandardConfig config;
  config.region = reader.Either({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region", &Profile::region);
  config.endpoint = reader.Endpoint();
  config.addressing_style = reader.Setting("s3 addressing_style", &Profile::s3_addressing_style);
  config.ca_bundle = reader.Either({"AWS_CA_BUNDLE"}, "ca_bundle", &Profile::ca_bundle);
  config.use_fips =
      reader.Either({"AWS_USE_FIPS_ENDPOINT"}, "use_fips_endpoint", &Profile::use_fips_endpoint);
  config.use_dualstack = reader.Dualstack();
  config.use_arn_region = reader.UseArnRegion();
  CheckRegion(config.region);
  CheckStyle(config.addressing_style);
  return config;
}

}  // namespace neon_s3

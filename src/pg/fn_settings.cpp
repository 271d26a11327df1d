// s3_settings: what is in force, and where each value comes from.
#include <string>
#include <vector>

#include "core/error.h"
#include "pg/boundary.h"
#include "pg/resolve_target.h"
#include "pg/settings.h"
#include "pg/option.h"
#include "pg/result.h"
#include "pg/session.h"

namespace neon_s3 {
namespace {

struct Setting {
  std::string name, value, source;
};

// C++ side.
class Report {
 public:
  // `given`: by the server and its user mapping.
  Report(const Target& target, const Target& given) : target_(target), given_(given) {}

  std::vector<Setting> Make() {
    for (const Option& option : Options()) {
      if (option.owner == OptionOwner::kServer) AddOption(option);
    }
    AddLocation();
    AddCredentials();
    return std::move(settings_);
  }

 private:
  void Add(std::string name, std::string value, std::string source) {
    settings_.push_back({std::move(name), std::move(value), std::move(source)});
  }

  void AddOption(const Option& option) {
    const std::string_view value = option.text(target_);
    Add(option.name, std::string(value), SourceOf(option, value));
  }

  std::string SourceOf(const Option& option, std::string_view value) {
    if (option.text(given_).data() != nullptr) return "server option";
    const bool is_bucket = std::string_view(option.name) == "bucket";
    if (is_bucket && target_.bucket) return "argument";
    if (value.empty() || option.setting == nullptr) return "default";
    const bool is_list = std::string_view(option.name) == "credential_providers";
    if (is_list && target_.only_mappings) return "server without credential_providers";
    return "neon_s3." + std::string(option.name);
  }

  Setting& Find(std::string_view name) {
    for (Setting& setting : settings_) {
      if (setting.name == name) return setting;
    }
    settings_.push_back({std::string(name), {}, {}});
    return settings_.back();
  }

  // What is not set anywhere in neon_s3.
  void Complete(const char* name, std::string_view set, const std::string& value,
                const ConfigValue& configured) {
    if (!set.empty()) return;
    Setting& setting = Find(name);
    setting.value = value;
    setting.source = configured.is_set() ? configured.source : "default";
  }

  static const char* NameOf(AddressingStyle style) {
    if (style == AddressingStyle::kAuto) return "auto";
    return style == AddressingStyle::kPath ? "path" : "virtual";
  }

  void AddLocation() {
    Session& session = Session::Get();
    const Location location = session.Locate(target_, Reach::kServer);
    const StandardConfig& config = session.Configuration(target_);
    if (target_.bucket) Find("bucket").value = *target_.bucket;
    Complete("region", target_.region, location.region, config.region);
    Complete("endpoint", target_.endpoint, location.endpoint.url(), config.endpoint);
    Complete("addressing_style", target_.addressing_style, NameOf(location.addressing_style),
             config.addressing_style);
    const std::string ca_file = CurrentSettings().ca_file;
    Add("ca_file", ca_file, "neon_s3.ca_file");
    Complete("ca_file", ca_file, config.ca_bundle.text, config.ca_bundle);
    const std::string_view proxy = CurrentSettings().http_proxy;
    if (!proxy.empty()) Add("http_proxy", ShownHttpProxy(proxy), "neon_s3.http_proxy");
    AddIfSet("use_fips_endpoint", config.use_fips);
    AddIfSet("use_dualstack_endpoint", config.use_dualstack);
    AddIfSet("s3_use_arn_region", config.use_arn_region);
  }

  void AddIfSet(const char* name, const ConfigValue& configured) {
    if (configured.is_set()) Add(name, configured.text, configured.source);
  }

  void AddCredentials() {
    try {
      const Destination& found = Session::Get().Resolve(target_, Reach::kServer);
      AddSecret("access_key_id", found.credentials.access_key_id, found.provider);
      AddSecret("secret_access_key", found.credentials.secret_access_key, found.provider);
      AddSecret("session_token", found.credentials.session_token, found.provider);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      Add("access_key_id", {}, error.what());
    }
  }

  void AddSecret(const char* name, std::string_view value, Provider provider) {
    if (value.empty()) return;
    if (provider != Provider::kStatic) {
      Add(name, "****", "provider " + std::string(ProviderName(provider)));
    } else {
      Add(name, "****", target_.is_mapping ? "user mapping" : "neon_s3." + std::string(name));
    }
  }

  Target target_, given_;
  std::vector<Setting> settings_;
};

}  // namespace

NEON_S3_FUNCTION(neon_s3_settings);
Datum neon_s3_settings(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText bucket = args.Text();
  const OptionalText server = args.ServerText();
  const Target target = ResolveTarget(bucket, server);
  const Target given = OptionsOfServer(server);
  BeginRows(fcinfo);
  auto& settings = Owned<std::vector<Setting>>();
  Guard([&] { settings = Report(target, given).Make(); });
  for (const Setting& setting : settings) {
    Row row;
    row.Text(setting.name);
    row.TextOrNull(setting.value);
    row.Text(setting.source);
    row.Put(fcinfo);
  }
  PG_RETURN_NULL();
}

}  // namespace neon_s3

#include "pg/resolve_target.h"

#include "pg/settings.h"
#include "pg/option.h"
#include "pg/server_cache.h"
#include "pg/wait_event.h"

extern "C" {
#include "miscadmin.h"
}

namespace neon_s3 {
namespace {

// Never given out twice, whatever the target is made of.
std::uint64_t NextRevision() {
  static std::uint64_t revision = 0;
  return ++revision;
}

Target TargetOfSettings() {
  const Settings& settings = CurrentSettings();
  Target target = {};
  target.revision = NextRevision();
  for (const Option& option : Options()) {
    if (option.setting != nullptr) option.text(target) = settings.*option.setting;
  }
  if (!settings.region_is_set) target.region = {};
  if (!settings.addressing_style_is_set) target.addressing_style = {};
  // It asks for no profile in particular: $AWS_PROFILE may name one, and none has to exist.
  if (target.profile == "default") target.profile = {};
  return target;
}

bool IsGiven(std::string_view option) { return option.data() != nullptr; }

// What a server says goes before the settings. What belongs to the database server signs for it
// only if a superuser gave it credential_providers, whoever owns it: else its user mappings alone
// do.
Target Combine(Target given) {
  Target target = TargetOfSettings();
  // What is public of the settings belongs to their endpoint, and the base of URLs to their bucket.
  if (IsGiven(given.endpoint)) target.public_endpoint = {};
  if (IsGiven(given.endpoint) || IsGiven(given.default_bucket)) target.public_url_base = {};
  const bool is_trusted = IsGiven(given.credential_providers);
  // Half a key is somebody's, too: it must not let another identity sign.
  const Credentials& mapping = given.static_credentials;
  target.is_mapping = !is_trusted || IsGiven(mapping.access_key_id) ||
                      IsGiven(mapping.secret_access_key) || IsGiven(mapping.session_token);
  if (target.is_mapping) target.static_credentials = {};
  if (!is_trusted) target.credential_providers = "static";
  target.only_mappings = !is_trusted;
  for (const Option& option : Options()) {
    if (IsGiven(option.text(given))) option.text(target) = option.text(given);
  }
  return target;
}

std::string_view ServerName(const OptionalText& server) {
  return server ? *server : std::string_view(CurrentSettings().server);
}

const Target& TargetWithoutServer() {
  static Target target;
  static std::uint64_t generation = 0;
  if (generation != SettingsGeneration()) {
    target = TargetOfSettings();
    generation = SettingsGeneration();
  }
  return target;
}

const Target& TargetOfServer(NamedServer& server) {
  if (server.settings_generation != SettingsGeneration()) {
    server.target = Combine(server.given);
    server.settings_generation = SettingsGeneration();
  }
  return server.target;
}

}  // namespace

Target ResolveTarget(const OptionalText& bucket, const OptionalText& server) {
  NameWaitEvent();  // whoever has a target may wait
  const std::string_view name = ServerName(server);
  Target target =
      name.empty() ? TargetWithoutServer() : TargetOfServer(FindServer(name, GetUserId()));
  target.bucket = bucket;
  return target;
}

Target ResolveTargetFor(Oid role, std::string_view bucket, std::string_view server) {
  NameWaitEvent();
  Target target =
      server.empty() ? TargetWithoutServer() : TargetOfServer(FindServerUnchecked(server, role));
  target.bucket = bucket;
  return target;
}

Target OptionsOfServer(const OptionalText& server) {
  const std::string_view name = ServerName(server);
  return name.empty() ? Target() : FindServer(name, GetUserId()).given;
}

Target ReadTarget(ArgReader& args) {
  const OptionalText bucket = args.Text();
  return ResolveTarget(bucket, args.ServerText());
}

}  // namespace neon_s3

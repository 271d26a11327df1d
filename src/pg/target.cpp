#include "pg/target.h"

#include "pg/guc.h"
#include "pg/server_cache.h"

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
  target.default_bucket = settings.bucket;
  target.region = settings.region;
  target.region_is_set = settings.region_is_set;
  target.endpoint = settings.endpoint;
  target.public_endpoint = settings.public_endpoint;
  target.addressing_style = static_cast<AddressingStyle>(settings.addressing_style);
  target.credential_providers = settings.credential_providers;
  target.credentials_file = settings.credentials_file;
  target.profile = settings.profile;
  target.static_credentials = StaticCredentials();
  return target;
}

void Override(std::string_view option, std::string_view* value) {
  if (option.data() != nullptr) *value = option;
}

void OverrideWithServer(const ServerOptions& server, Target* target) {
  if (server.region.data() != nullptr) target->region_is_set = true;
  Override(server.region, &target->region);
  Override(server.bucket, &target->default_bucket);
  // The public endpoint of the settings belongs to their endpoint, and not to one of the server's
  // own.
  if (server.endpoint.data() != nullptr) target->public_endpoint = {};
  Override(server.endpoint, &target->endpoint);
  Override(server.public_endpoint, &target->public_endpoint);
  if (server.addressing_style) target->addressing_style = *server.addressing_style;
  Override(server.credential_providers, &target->credential_providers);
  Override(server.credentials_file, &target->credentials_file);
  Override(server.profile, &target->profile);
  target->role_arn = server.role_arn;
  target->external_id = server.external_id;
  target->role_session_name = server.role_session_name;
}

void TakeCredentials(const ServerOptions& server, Target* target) {
  if (!server.mapping.access_key_id.empty() || !server.trusted) {
    target->static_credentials = server.mapping;
  }
  // Whoever may create servers may not thereby sign with what belongs to the database server.
  if (!server.trusted) target->credential_providers = "static";
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

const Target& TargetOfServer(std::string_view name) {
  NamedServer& server = FindServer(name);
  if (server.settings_generation != SettingsGeneration()) {
    server.target = TargetOfSettings();
    OverrideWithServer(server.options, &server.target);
    TakeCredentials(server.options, &server.target);
    server.settings_generation = SettingsGeneration();
  }
  return server.target;
}

}  // namespace

Target ResolveTarget(const OptionalText& bucket, const OptionalText& server) {
  const std::string_view name = server ? *server : std::string_view(CurrentSettings().server);
  Target target = name.empty() ? TargetWithoutServer() : TargetOfServer(name);
  target.bucket = bucket;
  return target;
}

Target ResolveTarget(const OptionalText& bucket, const char* server) {
  return ResolveTarget(bucket, server != nullptr ? OptionalText(server) : std::nullopt);
}

Target ReadTarget(ArgReader& args) {
  const OptionalText bucket = args.Text();
  return ResolveTarget(bucket, args.ServerText());
}

}  // namespace neon_s3

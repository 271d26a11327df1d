#include "net/credential_chain.h"

#include <algorithm>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "net/environment.h"

namespace neon_s3 {
namespace {

using Found = CredentialChain::Found;

struct NamedProvider {
  std::string_view name;
  Provider provider;
};
constexpr NamedProvider kProviders[] = {
    {"static", Provider::kStatic},          {"environment", Provider::kEnvironment},
    {"profile", Provider::kProfile},        {"web_identity", Provider::kWebIdentity},
    {"container", Provider::kContainer},    {"instance", Provider::kInstance},
    {"assume_role", Provider::kAssumeRole},
};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\f\v";
  const std::size_t start = text.find_first_not_of(kSpaces);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpaces) - start + 1);
}

std::string KnownProviders() {
  std::string names;
  for (const NamedProvider& known : kProviders) {
    if (!names.empty()) names.append(", ");
    names.append("\"").append(known.name).append("\"");
  }
  return names;
}

Provider ParseProvider(std::string_view text) {
  const std::string name = LowerCase(text);
  for (const NamedProvider& known : kProviders) {
    if (known.name == name) return known.provider;
  }
  throw Error(ErrorCode::kBadArgument,
              "unknown credential provider \"" + WithoutControls(text) + "\"",
              "Known are " + KnownProviders() + ".");
}

std::optional<Found> FromEnvironment() {
  const Credentials credentials{EnvironmentVariable("AWS_ACCESS_KEY_ID"),
                                EnvironmentVariable("AWS_SECRET_ACCESS_KEY"),
                                EnvironmentVariable("AWS_SESSION_TOKEN")};
  if (credentials.access_key_id.empty() && credentials.secret_access_key.empty())
    return std::nullopt;
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorCode::kNoCredentials,
                "the environment has only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  return Found{credentials, Provider::kEnvironment, std::nullopt, {}};
}

std::optional<Found> FromStatic(const Credentials& credentials) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return std::nullopt;
  return Found{credentials, Provider::kStatic, std::nullopt, {}};
}

}  // namespace

std::string_view ProviderName(Provider provider) {
  return std::find_if(std::begin(kProviders), std::end(kProviders),
                      [&](const NamedProvider& known) { return known.provider == provider; })
      ->name;
}

std::vector<Provider> ParseProviders(std::string_view list) {
  if (Trim(list).empty()) {
    throw Error(ErrorCode::kBadArgument, "the list of credential providers is empty",
                "Known are " + KnownProviders() + ".");
  }
  std::vector<Provider> providers;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    const Provider provider = ParseProvider(Trim(list.substr(start, comma - start)));
    if (std::find(providers.begin(), providers.end(), provider) != providers.end()) {
      throw Error(
          ErrorCode::kBadArgument,
          "credential provider \"" + std::string(ProviderName(provider)) + "\" is listed twice");
    }
    providers.push_back(provider);
    start = comma + 1;
  }
  return providers;
}

CredentialChain::CredentialChain(MonotonicClock clock) : profiles_(clock) {}

std::optional<Found> CredentialChain::Resolve(const ChainRequest& request, std::int64_t now,
                                              bool (*cancelled)()) {
  if (providers_.empty() || providers_text_ != request.providers) {
    providers_ = ParseProviders(request.providers);
    providers_text_ = request.providers;
  }
  for (const Provider provider : providers_) {
    if (const auto found = Ask(provider, request, now, cancelled)) return found;
  }
  return std::nullopt;
}

std::optional<Found> CredentialChain::Ask(Provider provider, const ChainRequest& request,
                                          std::int64_t now, bool (*)()) {
  switch (provider) {
    case Provider::kStatic:
      return FromStatic(request.static_credentials);
    case Provider::kEnvironment:
      return FromEnvironment();
    case Provider::kProfile: {
      const auto chosen = profiles_.Find(request.credentials_file, request.profile);
      if (!chosen) return std::nullopt;
      if (!chosen->roles.empty()) break;
      const auto expires_at = chosen->keys->expires_at;
      if (expires_at && *expires_at <= now) {
        throw Error(ErrorCode::kNoCredentials,
                    "the profile's credentials expired at " + UtcTime(*expires_at).extended(),
                    "Renew them: a file that changes is read again.");
      }
      return Found{chosen->keys->view(), provider, expires_at, chosen->region};
    }
    case Provider::kWebIdentity:
    case Provider::kContainer:
    case Provider::kInstance:
    case Provider::kAssumeRole:
      break;
  }
  throw Error(ErrorCode::kUnsupported, "not yet");
}

}  // namespace neon_s3

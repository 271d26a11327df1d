#include "net/credential_chain.h"

#include <algorithm>

#include "core/crypto.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "net/credential_sources.h"
#include "net/environment.h"

namespace neon_s3 {
namespace {

using Found = CredentialChain::Found;

constexpr std::chrono::seconds kLookInterval{1};  // into the cache of what they had
constexpr std::chrono::seconds kTimeLimit{1};     // of all requests that a provider needs

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

std::optional<Found> FoundBy(Provider provider, const OwnedCredentials* credentials,
                             std::string_view region = {}) {
  if (credentials == nullptr) return std::nullopt;
  return Found{credentials->view(), provider, credentials->expires_at, region};
}

bool UsesNetwork(Provider provider) {
  return provider != Provider::kStatic && provider != Provider::kEnvironment &&
         provider != Provider::kProfile;
}

// Failures that say nothing about how the provider is set up.
bool IsPassedOver(ErrorCode code) {
  return code == ErrorCode::kConnect || code == ErrorCode::kConnectionLost ||
         code == ErrorCode::kMalformedReply || code == ErrorCode::kServerFailed ||
         code == ErrorCode::kTooLarge;
}

RoleArguments ArgumentsOf(const Profile& profile) {
  return {profile.role_arn, profile.role_session_name, profile.external_id,
          profile.duration_seconds};
}

// All that a request for credentials depends on. Two lists of parts never give the same text.
class CacheKey {
 public:
  explicit CacheKey(Provider provider) { Add(ProviderName(provider)); }

  void Add(std::string_view part) {
    AppendDecimal(static_cast<long long>(part.size()), &text_);
    text_.append(":").append(part);
  }

  void Add(const RoleArguments& role) {
    Add(role.role_arn);
    Add(role.role_session_name);
    Add(role.external_id);
    Add(role.duration_seconds);
  }

  // Where STS is asked.
  void AddSts(std::string_view region) {
    Add(StsRegion(region));
    Add(EnvironmentVariable("AWS_ENDPOINT_URL_STS"));
  }

  // A role that one key may assume is not given to whoever has another.
  void AddSecret(const Credentials& credentials, Sha256* sha256) {
    Add(credentials.access_key_id);
    Add(AsView(sha256->Digest(credentials.secret_access_key)));
    Add(AsView(sha256->Digest(credentials.session_token)));
  }

  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

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

// One Resolve().
struct CredentialChain::Search {
  const ChainRequest& request;
  std::int64_t now;
  bool (*cancelled)();
  std::optional<Found> base;  // what a role is assumed with
  std::string failures;       // of those that were passed over
};

CredentialChain::CredentialChain(MonotonicClock clock)
    : clock_(clock), profiles_(clock), cache_(clock) {}

bool CredentialChain::StillFinds(std::uint64_t ticket, std::int64_t now) const {
  if (ticket != ticket_ || (expires_at_ && now >= *expires_at_)) return false;
  return look_again_at_ == MonotonicTime::max() || clock_() < look_again_at_;
}

std::optional<Found> CredentialChain::Resolve(const ChainRequest& request, std::int64_t now,
                                              bool (*cancelled)()) {
  ++ticket_;
  look_again_at_ = MonotonicTime::max();
  if (providers_.empty() || providers_text_ != request.providers) {
    providers_ = ParseProviders(request.providers);
    providers_text_ = request.providers;
  }
  Search search{request, now, cancelled, {}, {}};
  std::optional<Found> found = AskAll(&search);
  if (found && !request.role_arn.empty()) {
    search.base = found;
    found = AskOrNote(Provider::kAssumeRole, &search);
  }
  if (!found && !search.failures.empty()) {
    throw Error(ErrorCode::kNoCredentials, "no S3 credentials could be had",
                "Check neon_s3.credential_providers against what each provider says.",
                search.failures);
  }
  expires_at_ = found ? found->expires_at : std::nullopt;
  return found;
}

std::optional<Found> CredentialChain::AskAll(Search* search) {
  for (const Provider provider : providers_) {
    if (provider == Provider::kAssumeRole) continue;
    if (auto found = AskOrNote(provider, search)) return found;
  }
  return std::nullopt;
}

std::optional<Found> CredentialChain::AskOrNote(Provider provider, Search* search) {
  try {
    return Ask(provider, *search);
  } catch (const Error& error) {
    if (!IsPassedOver(error.code())) throw;
    std::string& failures = search->failures;
    if (!failures.empty()) failures.append("; ");
    failures.append(ProviderName(provider)).append(": ").append(error.what());
    if (!error.detail().empty()) failures.append(" (").append(error.detail()).append(")");
    return std::nullopt;
  }
}

std::optional<Found> CredentialChain::Ask(Provider provider, const Search& search) {
  if (UsesNetwork(provider)) LookAgainAt(clock_() + kLookInterval);
  switch (provider) {
    case Provider::kStatic:
      return FromStatic(search.request.static_credentials);
    case Provider::kEnvironment:
      return FromEnvironment();
    case Provider::kProfile:
      return FromProfile(search);
    case Provider::kWebIdentity:
      return FromWebIdentity(search);
    case Provider::kContainer:
      return FromContainer(search);
    case Provider::kInstance:
      return FromInstance(search);
    case Provider::kAssumeRole:
      return FromRole(search);
  }
  return std::nullopt;
}

std::optional<Found> CredentialChain::FromProfile(const Search& search) {
  const auto chosen = profiles_.Find(search.request.credentials_file, search.request.profile);
  LookAgainAt(profiles_.look_again_at());
  if (!chosen) return std::nullopt;
  const std::optional<std::int64_t> expires_at = chosen->keys->expires_at;
  if (expires_at && *expires_at <= search.now) {
    throw Error(ErrorCode::kNoCredentials,
                "the profile's credentials expired at " + UtcTime(*expires_at).extended(),
                "Renew them: a file that changes is read again.");
  }
  if (!chosen->roles.empty()) return FromProfileRoles(*chosen, search);
  return Found{chosen->keys->view(), Provider::kProfile, expires_at, chosen->region};
}

std::optional<Found> CredentialChain::FromProfileRoles(const ChosenProfile& profile,
                                                       const Search& search) {
  const std::string_view region = profile.region.empty() ? search.request.region : profile.region;
  CacheKey key(Provider::kProfile);
  key.AddSecret(profile.keys->view(), &sha256_);
  key.AddSts(region);
  for (const Profile* role : profile.roles) key.Add(ArgumentsOf(*role));
  const OwnedCredentials* credentials = cache_.Get(key.text(), search.now, [&] {
    const FetchContext context = Context(search);
    OwnedCredentials current = *profile.keys;
    for (const Profile* role : profile.roles) {
      current = AssumeRole(ArgumentsOf(*role), region, current.view(), context);
    }
    return std::optional(std::move(current));
  });
  return FoundBy(Provider::kProfile, credentials, profile.region);
}

std::optional<Found> CredentialChain::FromWebIdentity(const Search& search) {
  const std::optional<std::string> source = WebIdentitySource();
  if (!source) return std::nullopt;
  CacheKey key(Provider::kWebIdentity);
  key.Add(*source);
  key.AddSts(search.request.region);
  return FoundBy(Provider::kWebIdentity, cache_.Get(key.text(), search.now, [&] {
    return std::optional(FetchWebIdentityCredentials(search.request.region, Context(search)));
  }));
}

std::optional<Found> CredentialChain::FromContainer(const Search& search) {
  const std::optional<std::string> source = ContainerSource();
  if (!source) return std::nullopt;
  CacheKey key(Provider::kContainer);
  key.Add(*source);
  return FoundBy(Provider::kContainer, cache_.Get(key.text(), search.now, [&] {
    return std::optional(FetchContainerCredentials(Context(search)));
  }));
}

std::optional<Found> CredentialChain::FromInstance(const Search& search) {
  const std::optional<std::string> source = InstanceSource();
  if (!source) return std::nullopt;
  CacheKey key(Provider::kInstance);
  key.Add(*source);
  return FoundBy(Provider::kInstance, cache_.Get(key.text(), search.now, [&] {
    return FetchInstanceCredentials(Context(search));
  }));
}

std::optional<Found> CredentialChain::FromRole(const Search& search) {
  const ChainRequest& request = search.request;
  const Found& base = *search.base;
  const std::string_view region = base.region.empty() ? request.region : base.region;
  const RoleArguments role{request.role_arn, request.role_session_name, request.external_id, {}};
  CacheKey key(Provider::kAssumeRole);
  key.AddSecret(base.credentials, &sha256_);
  key.AddSts(region);
  key.Add(role);
  return FoundBy(Provider::kAssumeRole,
                 cache_.Get(key.text(), search.now,
                            [&] {
                              return std::optional(
                                  AssumeRole(role, region, base.credentials, Context(search)));
                            }),
                 base.region);
}

FetchContext CredentialChain::Context(const Search& search) {
  return {&http_, MonotonicNow() + kTimeLimit, search.cancelled};
}

}  // namespace neon_s3

#include "net/credential_chain.h"

#include <algorithm>

#include "core/crypto.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "net/environment.h"

namespace neon_s3 {
namespace {

using Found = CredentialChain::Found;

constexpr std::chrono::seconds kLookInterval{1};  // between looks into the cache

// What the parts of a key are called where they come from.
struct KeyNames {
  const char* access_key_id;
  const char* secret_access_key;
  const char* session_token;
};
constexpr KeyNames kSettings = {"neon_s3.access_key_id", "neon_s3.secret_access_key",
                                "neon_s3.session_token"};
constexpr KeyNames kMapping = {"access_key_id of the user mapping",
                               "secret_access_key of the user mapping",
                               "session_token of the user mapping"};
constexpr KeyNames kVariables = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

void CheckPart(std::string_view value, const char* name) {
  const std::string fault = CredentialFault(value);
  if (fault.empty()) return;
  throw Error(ErrorCode::kNoCredentials, std::string(name) + " " + fault, kCredentialHint);
}

// Returns false where no part of a key is given. kNoCredentials where only half of it is, or where
// a part has characters that no key has.
bool CheckKey(const Credentials& key, const KeyNames& names) {
  const bool has_id = !key.access_key_id.empty(), has_secret = !key.secret_access_key.empty();
  if (!has_id && !has_secret && key.session_token.empty()) return false;
  if (!has_id || !has_secret) {
    const char* present = has_id       ? names.access_key_id
                          : has_secret ? names.secret_access_key
                                       : names.session_token;
    const char* missing = has_id ? names.secret_access_key : names.access_key_id;
    throw Error(ErrorCode::kNoCredentials, std::string(present) + " is set without " + missing);
  }
  CheckPart(key.access_key_id, names.access_key_id);
  CheckPart(key.secret_access_key, names.secret_access_key);
  CheckPart(key.session_token, names.session_token);
  return true;
}

// A mounted or copied secret ends in a line break; spaces may be part of one, as any byte may.
std::string_view WithoutLineEnds(std::string_view text) {
  constexpr std::string_view kEnds = "\t\r\n\f\v";
  if (WithoutOuterSpace(text).empty()) return {};
  const std::size_t start = text.find_first_not_of(kEnds);
  return text.substr(start, text.find_last_not_of(kEnds) - start + 1);
}

std::optional<Found> FromKey(Provider provider, const Credentials& given, const KeyNames& names) {
  const Credentials key = {WithoutOuterSpace(given.access_key_id),
                           WithoutLineEnds(given.secret_access_key),
                           WithoutLineEnds(given.session_token)};
  if (!CheckKey(key, names)) return std::nullopt;
  return Found{key, provider, std::nullopt};
}

Credentials EnvironmentKey() {
  return {EnvironmentVariable("AWS_ACCESS_KEY_ID"), EnvironmentVariable("AWS_SECRET_ACCESS_KEY"),
          EnvironmentVariable("AWS_SESSION_TOKEN")};
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

void CheckExpiry(const OwnedCredentials& keys, std::int64_t now) {
  if (!keys.expires_at || *keys.expires_at > now) return;
  throw Error(ErrorCode::kNoCredentials,
              "the profile's credentials expired at " + UtcTime(*keys.expires_at).extended(),
              "Renew them: a file that changes is read again.");
}

// The credentials with which a profile's first role is assumed.
OwnedCredentials StartOf(const ChosenProfile& profile, std::string_view region,
                         const FetchContext& context) {
  if (profile.web_identity == nullptr) return *profile.keys;
  const SecretString token = ReadToken(profile.web_identity->web_identity_token_file);
  return AssumeRoleWithWebIdentity(ArgumentsOf(*profile.web_identity), region, token, context);
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
  void AddSts(std::string_view region) { Add(StsIdentity(region)); }

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

// One Resolve().
struct CredentialChain::Search {
  const ChainRequest& request;
  std::string_view region;  // of STS
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
  const StandardConfig& config = Configuration(request);
  LookAgainAt(config_until_);
  const std::string_view region = request.region.empty() ? config.region.text : request.region;
  Search search{request, region, now, cancelled, {}, {}};
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

const StandardConfig& CredentialChain::Configuration(const ChainRequest& request) {
  if (providers_.empty() || providers_text_ != request.providers) {
    providers_ = ParseProviders(request.providers);
    providers_text_ = request.providers;
  }
  const bool is_same = config_providers_ == request.providers &&
                       config_file_ == request.credentials_file &&
                       config_profile_ == request.profile;
  const bool is_good = config_until_ == MonotonicTime::max() || clock_() < config_until_;
  if (is_same && is_good) return config_;

  config_providers_.clear();  // so that an error leaves no valid configuration
  NamedProfile profile{};
  if (Lists(Provider::kProfile))
    profile = profiles_.Look(request.credentials_file, request.profile);
  config_ = ReadStandardConfig(Lists(Provider::kEnvironment) ? EnvironmentVariable : nullptr,
                               profile.file == nullptr ? nullptr : &profile);
  config_until_ = profile.file == nullptr ? MonotonicTime::max() : profiles_.look_again_at();
  config_file_ = request.credentials_file;
  config_profile_ = request.profile;
  config_providers_ = request.providers;
  return config_;
}

bool CredentialChain::Lists(Provider provider) const {
  return std::find(providers_.begin(), providers_.end(), provider) != providers_.end();
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
  const ChainRequest& request = search.request;
  switch (provider) {
    case Provider::kStatic:
      return FromKey(provider, request.static_credentials,
                     request.is_mapping ? kMapping : kSettings);
    case Provider::kEnvironment:
      return FromKey(provider, EnvironmentKey(), kVariables);
    case Provider::kProfile:
      return FromProfile(search);
    case Provider::kWebIdentity:
      return FromSource(provider, kWebIdentitySource, search);
    case Provider::kContainer:
      return FromSource(provider, kContainerSource, search);
    case Provider::kInstance:
      return FromSource(provider, kInstanceSource, search);
    case Provider::kAssumeRole:
      return FromRole(search);
  }
  return std::nullopt;
}

std::optional<Found> CredentialChain::FromProfile(const Search& search) {
  const auto chosen = profiles_.Find(search.request.credentials_file, search.request.profile);
  LookAgainAt(profiles_.look_again_at());
  if (!chosen) return std::nullopt;
  if (chosen->keys != nullptr) CheckExpiry(*chosen->keys, search.now);
  if (chosen->web_identity != nullptr || !chosen->roles.empty()) {
    return FromProfileRoles(*chosen, search);
  }
  return Found{chosen->keys->view(), Provider::kProfile, chosen->keys->expires_at};
}

std::optional<Found> CredentialChain::FromProfileRoles(const ChosenProfile& profile,
                                                       const Search& search) {
  CacheKey key(Provider::kProfile);
  key.AddSts(search.region);
  if (profile.web_identity == nullptr) {
    key.AddSecret(profile.keys->view(), &sha256_);
  } else {
    key.Add(ArgumentsOf(*profile.web_identity));
    key.Add(profile.web_identity->web_identity_token_file);
  }
  for (const Profile* role : profile.roles) key.Add(ArgumentsOf(*role));
  return FromCache(Provider::kProfile, key.text(), search, [&](const FetchContext& context) {
    OwnedCredentials current = StartOf(profile, search.region, context);
    for (const Profile* role : profile.roles) {
      current = AssumeRole(ArgumentsOf(*role), search.region, current.view(), context);
    }
    return std::optional(std::move(current));
  });
}

std::optional<Found> CredentialChain::FromSource(Provider provider, const CredentialSource& source,
                                                 const Search& search) {
  const std::optional<std::string> identity = source.identity(search.region);
  if (!identity) return std::nullopt;
  CacheKey key(provider);
  key.Add(*identity);
  return FromCache(provider, key.text(), search, [&](const FetchContext& context) {
    return source.fetch(search.region, context);
  });
}

std::optional<Found> CredentialChain::FromRole(const Search& search) {
  const ChainRequest& request = search.request;
  const Credentials& base = search.base->credentials;
  const RoleArguments role{request.role_arn, request.role_session_name, request.external_id, {}};
  CacheKey key(Provider::kAssumeRole);
  key.AddSecret(base, &sha256_);
  key.AddSts(search.region);
  key.Add(role);
  return FromCache(Provider::kAssumeRole, key.text(), search, [&](const FetchContext& context) {
    return std::optional(AssumeRole(role, search.region, base, context));
  });
}

template <typename Fetch>
std::optional<Found> CredentialChain::FromCache(Provider provider, std::string_view key,
                                                const Search& search, const Fetch& fetch) {
  const std::string& ca_bundle = config_.ca_bundle.text;
  const OwnedCredentials* found = cache_.Get(key, search.now, [&] {
    std::optional<HttpProxy> proxy;
    if (!search.request.http_proxy.empty()) proxy = ParseHttpProxy(search.request.http_proxy);
    const FetchContext context{&http_, search.cancelled, Lists(Provider::kEnvironment),
                               ca_bundle.empty() ? nullptr : ca_bundle.c_str(),
                               proxy ? &*proxy : nullptr};
    return fetch(context);
  });
  if (found == nullptr) return std::nullopt;
  return Found{found->view(), provider, found->expires_at};
}

}  // namespace neon_s3

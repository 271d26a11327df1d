// Where credentials come from: the providers of neon_s3.credential_providers, in their order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/credentials.h"
#include "core/crypto.h"
#include "core/standard_config.h"
#include "net/credential_cache.h"
#include "net/credential_sources.h"
#include "net/http_client.h"
#include "net/monotonic.h"
#include "net/profile_source.h"
#include "net/providers.h"

namespace neon_s3 {

struct ChainRequest {
  Credentials static_credentials;
  bool is_mapping = false;     // they are a user mapping's, not the settings'
  std::string_view providers;  // as ParseProviders() takes it
  // The rest may be empty.
  std::string_view credentials_file, profile;
  std::string_view region;  // of STS, where environment and profile are not asked
  std::string_view role_arn, external_id, role_session_name;  // for kAssumeRole
  std::string_view http_proxy;  // of STS; container and instance are asked without
};

// One of a backend, with its caches. libcurl starts with the first request only.
class CredentialChain {
 public:
  explicit CredentialChain(MonotonicClock clock = CoarseMonotonicNow);

  struct Found {
    Credentials credentials;
    Provider provider;
    std::optional<std::int64_t> expires_at;  // seconds since 1970, where it is known
  };

  // What the first provider that has credentials has at `now`, the time of day in seconds since
  // 1970 (not a time of signing that a caller made up). Nothing where no provider has any. The
  // views are good until the next call, and as long as the request's. kCancelled soon after
  // `cancelled` (which may be null) says so.
  //
  // Where there is a role_arn the credentials are the role's, had with what the list finds, whether
  // and wherever assume_role is listed: a role that was asked for is never left out.
  //
  // A provider that is set up wrongly or refused is an error, and no other one is asked, lest the
  // wrong key signs: kCredentialsFile, kRefused, kNotPermitted, kBadArgument, and kNoCredentials
  // for half of a key, or one that CredentialFault() refuses. One that can't be reached in a second
  // (see credential_sources.h) or answers with nonsense is passed over, and left alone for 10
  // seconds; where no other has credentials either, the DETAIL of kNoCredentials has what each one
  // said.
  std::optional<Found> Resolve(const ChainRequest& request, std::int64_t now, bool (*cancelled)());

  // What environment and profile, where they are listed, say of where S3 is. Good until the next
  // call; files are looked at once a second at most. The errors of ProfileSource::Look() and
  // ReadStandardConfig().
  const StandardConfig& Configuration(const ChainRequest& request);

  // For callers who ask for every row: the number of the last Resolve(), and whether that one's
  // request would find the same again at `now`. False from the next Resolve() on. Cheap.
  std::uint64_t ticket() const { return ticket_; }
  bool StillFinds(std::uint64_t ticket, std::int64_t now) const;

 private:
  struct Search;

  std::optional<Found> AskAll(Search* search);
  std::optional<Found> AskOrNote(Provider provider, Search* search);
  std::optional<Found> Ask(Provider provider, const Search& search);
  void LookAgainAt(MonotonicTime time) { look_again_at_ = std::min(look_again_at_, time); }
  std::optional<Found> FromProfile(const Search& search);
  std::optional<Found> FromProfileRoles(const ChosenProfile& profile, const Search& search);
  std::optional<Found> FromSource(Provider provider, const CredentialSource& source,
                                  const Search& search);
  std::optional<Found> FromRole(const Search& search);
  template <typename Fetch>
  std::optional<Found> FromCache(Provider provider, std::string_view key, const Search& search,
                                 const Fetch& fetch);
  bool Lists(Provider provider) const;

  MonotonicClock clock_;
  std::uint64_t ticket_ = 0;
  MonotonicTime look_again_at_;             // the end of what the last Resolve() is good for
  std::optional<std::int64_t> expires_at_;  // of what it found

  std::string providers_text_;  // what providers_ was parsed from
  std::vector<Provider> providers_;
  ProfileSource profiles_;
  StandardConfig config_;
  MonotonicTime config_until_{};                                 // when to look again
  std::string config_providers_, config_file_, config_profile_;  // what config_ was read for
  CredentialCache cache_;
  HttpClient http_;
  Sha256 sha256_;
};

}  // namespace neon_s3

#include "net/credential_cache.h"

#include <algorithm>

#include "core/utc_time.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxEntries = 32;
constexpr std::int64_t kRefreshBefore = 300;  // seconds before expiry
constexpr std::chrono::minutes kRefreshUnknown{15};
constexpr std::chrono::seconds kRetryInterval{10};

bool IsGood(const std::optional<OwnedCredentials>& credentials, std::int64_t now) {
  return credentials && (!credentials->expires_at || *credentials->expires_at > now);
}

}  // namespace

const OwnedCredentials* CredentialCache::Get(std::string_view key, std::int64_t now,
                                             const Fetch& fetch) {
  Entry& entry = Find(key);
  if (!IsFresh(entry, now)) {
    // What has expired before its time of retry is not a failure to be left alone.
    const bool expired = entry.credentials && !entry.failure && !IsGood(entry.credentials, now);
    const bool may_fetch = !entry.retry_at || expired || clock_() >= *entry.retry_at;
    if (may_fetch) Refetch(&entry, now, fetch);
  }
  if (IsGood(entry.credentials, now)) return &*entry.credentials;
  if (entry.failure) throw *entry.failure;
  return nullptr;
}

CredentialCache::Entry& CredentialCache::Find(std::string_view key) {
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    return entries_.front();
  }
  if (entries_.size() == kMaxEntries) entries_.pop_back();
  entries_.push_front({std::string(key), {}, {}, {}, {}});
  return entries_.front();
}

bool CredentialCache::IsFresh(const Entry& entry, std::int64_t now) const {
  if (!entry.credentials) return false;
  if (entry.credentials->expires_at) return *entry.credentials->expires_at - kRefreshBefore > now;
  return clock_() - entry.fetched_at < kRefreshUnknown;
}

void CredentialCache::Refetch(Entry* entry, std::int64_t now, const Fetch& fetch) {
  try {
    std::optional<OwnedCredentials> fetched = fetch();
    if (fetched && !IsGood(fetched, now)) {
      throw Error(
          ErrorCode::kMalformedReply,
          "credentials were given that expired at " + UtcTime(*fetched->expires_at).extended(),
          "The server's clock may be wrong.");
    }
    entry->credentials = std::move(fetched);
    entry->failure.reset();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    entry->failure = error;
  }
  entry->fetched_at = clock_();
  entry->retry_at = entry->fetched_at + kRetryInterval;
}

}  // namespace neon_s3

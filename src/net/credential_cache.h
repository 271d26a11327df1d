// Credentials that cost a request, kept until shortly before they expire; and failures, kept for a
// while.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "core/credentials.h"
#include "core/error.h"
#include "net/monotonic.h"

namespace neon_s3 {

class CredentialCache {
 public:
  explicit CredentialCache(MonotonicClock clock) : clock_(clock) {}

  using Fetch = std::function<std::optional<OwnedCredentials>()>;

  // What `fetch` gets, remembered under `key`; null where it gets nothing. Good until the next call
  // for that key, and for 31 other keys.
  //
  // Credentials are fetched again in the last five minutes before they expire (or, where that is
  // not known, after 15), but after any fetch not for 10 seconds. Where that fails, the old ones do
  // until they expire; then the error is thrown, to each who asks in those 10 seconds. kCancelled
  // is not remembered. kMalformedReply for credentials that have expired at `now`.
  const OwnedCredentials* Get(std::string_view key, std::int64_t now, const Fetch& fetch);

 private:
  struct Entry {
    std::string key;
    std::optional<OwnedCredentials> credentials;
    std::optional<Error> failure;  // of the last fetch
    MonotonicTime fetched_at;
    std::optional<MonotonicTime> retry_at;  // none: there was no fetch yet
  };

  Entry& Find(std::string_view key);
  bool IsFresh(const Entry& entry, std::int64_t now) const;
  void Refetch(Entry* entry, std::int64_t now, const Fetch& fetch);

  MonotonicClock clock_;
  std::list<Entry> entries_;  // the last used first
};

}  // namespace neon_s3

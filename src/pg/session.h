// What a backend keeps from call to call. C++ side, but for ReportSigned().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"
#include "core/presign.h"
#include "net/credential_chain.h"
#include "net/location.h"
#include "net/s3_client.h"
#include "pg/operation.h"
#include "pg/target.h"

namespace neon_s3 {

enum class Reach {
  kClient,  // URLs, for the public endpoint
  kServer,  // requests of this server's own
};

// Where a target's requests go, and as whom.
struct Destination {
  Endpoint endpoint;
  AddressingStyle addressing_style;
  Address address;     // of the bucket, for Reach::kClient
  std::string bucket;  // empty if there is none
  std::string region;
  Credentials credentials;
  std::optional<std::int64_t> expires_at;  // of the credentials; seconds since 1970
  Provider provider;
};

// How long a URL is good for: less than asked for if its credentials end before. Plain data.
struct Expiry {
  std::int64_t seconds;
  bool is_clamped;
};

// kNoCredentials if they have expired at `signed_at`.
Expiry ClampExpiry(const Destination& destination, std::int64_t expires_in, std::int64_t signed_at);

// Postgres side, for each URL before it is given out: its line in the log (LogSigned()), and the
// WARNING that belongs to a clamped expiry.
void ReportSigned(const Expiry& expiry);

// What a URL is signed for, and which operation counts it.
struct SigningArgs {
  Operation operation;
  std::string_view method;  // upper case
  OptionalText key;         // none: the bucket itself
  const Target* target;
  std::int64_t expires_in;  // seconds
  std::int64_t signed_at;   // seconds since 1970
};

// Plain data: views that are good until the next call.
struct SignedUrl {
  PresignedUrl presigned;
  Expiry expiry;
  const Address* address;  // of the bucket
};

// Appends the unsigned URL of an object: below public_url_base where that is set, else at the
// bucket's address, or, without one, where clients find the target's bucket (kBadArgument if there
// is none). `key` is valid.
void AppendPublicUrl(const Target& target, const Address* address, std::string_view key,
                     std::string* out);

class Session {
 public:
  // Made at the first call in the backend, never in the postmaster; never destroyed, since a
  // backend ends by exit.
  static Session& Get();

  // Found again until settings, catalogs or credentials change. For Reach::kClient the target must
  // have a bucket (kBadArgument). kNoCredentials if no provider has any; the errors of
  // CredentialChain::Resolve(). Valid until the next call.
  const Destination& Resolve(const Target& target, Reach reach);

  // Where the target is, whoever signs: as it says, else as environment and profile do where those
  // providers are listed, else at Amazon in us-east-1.
  Location Locate(const Target& target, Reach reach);
  const StandardConfig& Configuration(const Target& target);

  // The target's bucket as clients address it. kBadArgument if there is none.
  Address PublicAddress(const Target& target);

  // A request to be signed, with what the caller adds to it. kBadArgument for what can't be signed.
  PresignRequest& NewRequest(const FieldArgs& query = {}, const FieldArgs& headers = {});
  // NoteSigned() knows of it.
  SignedUrl Sign(PresignRequest* request, const SigningArgs& args);

  // For what is signed in another way, and noted then.
  SigV4Signer& signer() { return presigner_.signer(); }

  // A client with its connections, given back when its call ends; each of several calls at once has
  // its own.
  std::unique_ptr<S3Client> TakeClient();
  void GiveBack(std::unique_ptr<S3Client> client);

 private:
  struct Resolved {
    std::uint64_t revision = 0;  // of the target; 0: nothing is resolved
    std::optional<std::string> bucket;
    std::uint64_t ticket = 0;  // of the credential chain
    Destination destination;
  };

  CredentialChain::Found FindCredentials(const Target& target, std::int64_t now);

  CredentialChain credentials_;
  Resolved resolved_[2];  // by Reach
  Presigner presigner_;
  PresignRequest request_;
  std::vector<std::unique_ptr<S3Client>> idle_clients_;
};

}  // namespace neon_s3

// What a backend keeps from call to call. C++ side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/endpoint.h"
#include "core/post_policy.h"
#include "core/presign.h"
#include "net/credential_chain.h"
#include "pg/target.h"

namespace neon_s3 {

// Where a target's URLs are signed for, and with what.
struct Signer {
  std::uint64_t id = 0;  // another one whenever something else here is
  Address address;
  std::string_view region;  // the target's, or that of the credentials' profile
  Credentials credentials;
  std::optional<std::int64_t> expires_at;

  // What it was made from.
  std::uint64_t target_revision = 0;
  std::optional<std::string> bucket;
  std::uint64_t ticket = 0;
};

class BackendState {
 public:
  // Made at the first call in the backend, never in the postmaster.
  static BackendState& Get();

  // The target's bucket as clients address it: at the public endpoint. kBadArgument where there is
  // no bucket. Valid until the next call.
  const Address& ResolveClientAddress(const Target& target, std::string_view region);
  // Of the address resolved last.
  const std::string& bucket() const { return bucket_; }

  Presigner& presigner() { return presigner_; }
  Signer& signer() { return signer_; }
  CredentialChain& credentials() { return credentials_; }

  // For results that outlive the guard; good until the next call that uses them.
  std::string& buffer() { return buffer_; }
  std::string& object_key() { return object_key_; }
  PostForm& post_form() { return post_form_; }

 private:
  Presigner presigner_;
  std::string buffer_, object_key_;
  PostForm post_form_;
  CredentialChain credentials_;
  Signer signer_;
  Address address_;
  std::string bucket_, region_, endpoint_;  // what address_ was made from
  AddressingStyle addressing_style_;
};

}  // namespace neon_s3

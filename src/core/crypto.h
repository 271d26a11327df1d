// SHA-256, HMAC-SHA-256 and MD5 over OpenSSL's EVP interface (it honours a FIPS provider; the
// low-level functions would be a little faster, but are deprecated and bypass it).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include <openssl/evp.h>

namespace neon_s3 {

using Sha256Digest = std::array<unsigned char, 32>;

struct EvpDeleter {
  void operator()(EVP_MD* md) const { EVP_MD_free(md); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, EvpDeleter>;

// Fetches the digest once and reuses one context. Not for two threads at once. kSystem where
// OpenSSL has no such digest, std::bad_alloc where it has no memory.
class Sha256 {
 public:
  Sha256();

  Sha256Digest Digest(std::string_view bytes);

  const EVP_MD* md() const { return md_.get(); }

 private:
  std::unique_ptr<EVP_MD, EvpDeleter> md_;
  DigestContext context_;
};

// A key with both of its padded blocks hashed already (RFC 2104 section 4): a message costs its own
// blocks and one more. OpenSSL wipes the contexts when they are freed.
class HmacSha256Key {
 public:
  HmacSha256Key(Sha256& sha256, std::string_view key);

  Sha256Digest Sign(std::string_view message);

  // The same key for messages that all start with `prefix`: Sign() then takes the rest of them.
  HmacSha256Key WithPrefix(std::string_view prefix) const;

 private:
  HmacSha256Key();

  DigestContext inner_;
  DigestContext outer_;
  DigestContext work_;
};

using Md5Digest = std::array<unsigned char, 16>;

// Nothing where OpenSSL has no MD5, as under FIPS.
std::optional<Md5Digest> Md5(std::string_view bytes);

template <std::size_t size>
std::string_view AsView(const std::array<unsigned char, size>& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace neon_s3

#include "core/crypto.h"

#include <algorithm>
#include <new>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "core/error.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kBlockSize = 64;

// Once it has the algorithm, nothing but memory can be missing; most of its functions don't say so.
inline void Require(int ok) {
  if (ok != 1) throw std::bad_alloc();
}

// Whether that is what made OpenSSL fail just now.
bool LacksAlgorithm() { return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_UNSUPPORTED; }

// A library context that lacks memory when it looks for its first digest never finds any (OpenSSL
// 3.0): then one of our own does, which stays, but where only FIPS's may be used.
EVP_MD* FetchSha256() {
  static OSSL_LIB_CTX* own = nullptr;
  if (EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr)) return md;
  const bool is_fips = EVP_default_properties_is_fips_enabled(nullptr) == 1;
  if (own == nullptr && !is_fips) own = OSSL_LIB_CTX_new();
  EVP_MD* const md = own == nullptr ? nullptr : EVP_MD_fetch(own, "SHA256", nullptr);
  if (md != nullptr) return md;
  const bool is_lacking = LacksAlgorithm();
  OSSL_LIB_CTX_free(std::exchange(own, nullptr));
  if (is_lacking) throw Error(ErrorCode::kSystem, "OpenSSL has no SHA-256");
  throw std::bad_alloc();
}

DigestContext NewContext() {
  DigestContext context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

// Where a copy lacked memory OpenSSL 3.5 leaves what crashes the next copy.
void CopyContext(EVP_MD_CTX* to, const EVP_MD_CTX* from) {
  const int ok = EVP_MD_CTX_copy_ex(to, from);
  if (!ok) EVP_MD_CTX_reset(to);
  Require(ok);
}

Sha256Digest Finish(EVP_MD_CTX* context) {
  Sha256Digest digest;
  Require(EVP_DigestFinal_ex(context, digest.data(), nullptr));
  return digest;
}

DigestContext StartWithPad(const EVP_MD* md, std::array<unsigned char, kBlockSize> block,
                           unsigned char pad) {
  for (unsigned char& byte : block) byte ^= pad;
  DigestContext context = NewContext();
  Require(EVP_DigestInit_ex2(context.get(), md, nullptr));
  Require(EVP_DigestUpdate(context.get(), block.data(), block.size()));
  OPENSSL_cleanse(block.data(), block.size());
  return context;
}

}  // namespace

Sha256::Sha256() : md_(FetchSha256()), context_(NewContext()) {}

Sha256Digest Sha256::Digest(std::string_view bytes) {
  Require(EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr));
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return Finish(context_.get());
}

HmacSha256Key::HmacSha256Key(Sha256& sha256, std::string_view key) : work_(NewContext()) {
  std::array<unsigned char, kBlockSize> block{};
  if (key.size() > kBlockSize) {
    const Sha256Digest digest = sha256.Digest(key);
    std::copy(digest.begin(), digest.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  inner_ = StartWithPad(sha256.md(), block, 0x36);
  outer_ = StartWithPad(sha256.md(), block, 0x5c);
  OPENSSL_cleanse(block.data(), block.size());
}

HmacSha256Key::HmacSha256Key() : inner_(NewContext()), outer_(NewContext()), work_(NewContext()) {}

HmacSha256Key HmacSha256Key::WithPrefix(std::string_view prefix) const {
  HmacSha256Key key;
  CopyContext(key.inner_.get(), inner_.get());
  Require(EVP_DigestUpdate(key.inner_.get(), prefix.data(), prefix.size()));
  CopyContext(key.outer_.get(), outer_.get());
  return key;
}

Sha256Digest HmacSha256Key::Sign(std::string_view message) {
  CopyContext(work_.get(), inner_.get());
  Require(EVP_DigestUpdate(work_.get(), message.data(), message.size()));
  const Sha256Digest inner = Finish(work_.get());
  CopyContext(work_.get(), outer_.get());
  Require(EVP_DigestUpdate(work_.get(), inner.data(), inner.size()));
  return Finish(work_.get());
}

std::optional<Md5Digest> Md5(std::string_view bytes) {
  Md5Digest digest;
  ERR_set_mark();  // others look at the queue of errors, too
  const int ok =
      EVP_Q_digest(nullptr, "MD5", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr);
  const bool is_lacking = ok != 1 && LacksAlgorithm();
  ERR_pop_to_mark();
  if (is_lacking) return std::nullopt;
  Require(ok);
  return digest;
}

}  // namespace neon_s3

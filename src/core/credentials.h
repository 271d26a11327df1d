// Credentials: borrowed for one signature, or owned and wiped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/crypto.h>

namespace neon_s3 {

// Views into memory of somebody else's. The token is empty where there is none.
struct Credentials {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token;
};

// What keeps `value`, trimmed, from being part of a key, as the end of a sentence that starts with
// its name: "is in quotes", "has the character U+00A0". Empty where nothing does: every character
// can be seen, or is a space inside.
std::string CredentialFault(std::string_view value);
constexpr char kCredentialHint[] =
    "A key has no white space, no invisible characters, and no quotes around it.";

// kBadArgument, with `name`, where CredentialFault() finds anything in the trimmed value.
void ValidateCredential(const std::string& name, std::string_view value);

// Wipes what it gives back.
template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    OPENSSL_cleanse(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
  friend bool operator!=(const WipingAllocator&, const WipingAllocator&) { return false; }
};

// Wiped when it is freed or grows. (What fits the string object itself, 15 bytes, is too short for
// a key.)
using SecretString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

// Moves `text` into memory that is wiped, and wipes where it was.
inline SecretString TakeSecret(std::string text) {
  SecretString secret(text);
  OPENSSL_cleanse(text.data(), text.size());
  return secret;
}

struct OwnedCredentials {
  SecretString access_key_id;
  SecretString secret_access_key;
  SecretString session_token;              // empty: none
  std::optional<std::int64_t> expires_at;  // seconds since 1970, where it is known

  Credentials view() const { return {access_key_id, secret_access_key, session_token}; }
};

}  // namespace neon_s3

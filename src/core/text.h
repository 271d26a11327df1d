// ASCII text: comparisons that no locale changes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace neon_s3 {

inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

inline bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

inline bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

// An ETag, say, without the quotes that HTTP has around it.
inline std::string_view WithoutQuotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

inline bool IsWeakETag(std::string_view etag) { return StartsWith(etag, "W/"); }

// Weak ones and strong ones of the same text count as the same (RFC 9110 section 8.8.3.2).
inline bool IsSameETag(std::string_view a, std::string_view b) {
  const auto opaque = [](std::string_view etag) {
    return WithoutQuotes(IsWeakETag(etag) ? etag.substr(2) : etag);
  };
  return opaque(a) == opaque(b);
}

// Nothing but visible ASCII characters.
inline bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

inline std::string_view WithoutOuterSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// A set of bytes, to be made at compile time.
class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view members) : is_{} {
    for (const char c : members) is_[static_cast<unsigned char>(c)] = true;
  }
  constexpr bool Has(char c) const { return is_[static_cast<unsigned char>(c)]; }

  // How many bytes at the start of `text` are members.
  std::size_t CountPrefix(std::string_view text) const {
    std::size_t i = 0;
    while (i + 4 <= text.size() && HasAll4(text.data() + i)) i += 4;
    while (i < text.size() && Has(text[i])) ++i;
    return i;
  }

 private:
  // Without a branch for each: most texts are members from end to end.
  bool HasAll4(const char* c) const { return (Bit(c[0]) & Bit(c[1]) & Bit(c[2]) & Bit(c[3])) != 0; }
  unsigned Bit(char c) const { return Has(c); }

  bool is_[256];
};

inline constexpr ByteSet kTokenChars(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");

// A header's name (RFC 9110 section 5.6.2).
inline bool IsToken(std::string_view text) {
  return !text.empty() && kTokenChars.CountPrefix(text) == text.size();
}

// `lower` is in lower case already.
inline bool EqualsLower(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return ToLower(a) == b; });
}

}  // namespace neon_s3

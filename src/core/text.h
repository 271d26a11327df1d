// ASCII text: comparisons that no locale changes.
#pragma once

#include <algorithm>
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

// A set of bytes, to be made at compile time.
class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view members) : is_{} {
    for (const char c : members) is_[static_cast<unsigned char>(c)] = true;
  }
  constexpr bool Has(char c) const { return is_[static_cast<unsigned char>(c)]; }

 private:
  bool is_[256];
};

// A header's name (RFC 9110 section 5.6.2).
inline bool IsToken(std::string_view text) {
  constexpr ByteSet kTokenChars(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [&](char c) { return kTokenChars.Has(c); });
}

}  // namespace neon_s3

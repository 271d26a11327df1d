#include "core/encoding.h"

#include <algorithm>
#include <charconv>

#include <openssl/evp.h>

#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr ByteSet kUnreserved("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
constexpr ByteSet kUnreservedOrSlash(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/");

void AppendEncoded(std::string_view bytes, const ByteSet& keep, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::size_t start = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (keep.Has(bytes[i])) continue;
    const auto c = static_cast<unsigned char>(bytes[i]);
    out->append(bytes, start, i - start);
    const char escape[3] = {'%', kHex[c >> 4], kHex[c & 15]};
    out->append(escape, sizeof escape);
    start = i + 1;
  }
  out->append(bytes, start, bytes.size() - start);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Length in bytes of the character beyond ASCII that `text` starts with; 0 where it is none (RFC
// 3629 section 4).
std::size_t CharacterSize(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const int lead = byte(0);
  if (lead < 0xc2 || lead > 0xf4 || !is_tail(1)) return 0;
  if (lead < 0xe0) return 2;
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool no_character = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  if (overlong || no_character || !is_tail(2)) return 0;
  if (lead < 0xf0) return 3;
  return is_tail(3) ? 4 : 0;
}

// Length in bytes of the control character that starts at `i`, or 0.
std::size_t ControlAt(std::string_view text, std::size_t i) {
  const auto c = static_cast<unsigned char>(text[i]);
  if (c < 0x20 || c == 0x7f) return 1;
  if (c != 0xc2 || i + 1 == text.size()) return 0;
  const auto next = static_cast<unsigned char>(text[i + 1]);
  return next >= 0x80 && next <= 0x9f ? 2 : 0;
}

}  // namespace

void AppendUriEncoded(std::string_view bytes, std::string* out) {
  AppendEncoded(bytes, kUnreserved, out);
}

void AppendUriEncodedPath(std::string_view bytes, std::string* out) {
  AppendEncoded(bytes, kUnreservedOrSlash, out);
}

void AppendHex(const unsigned char* bytes, std::size_t size, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  const std::size_t start = out->size();
  out->resize(start + 2 * size);
  char* digits = out->data() + start;
  for (std::size_t i = 0; i < size; ++i) {
    *digits++ = kHex[bytes[i] >> 4];
    *digits++ = kHex[bytes[i] & 15];
  }
}

void AppendDecimal(long long value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out->append(digits, static_cast<std::size_t>(end - digits));
}

std::optional<std::int64_t> ParseDecimal(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::string Base64(std::string_view bytes) {
  // EVP_EncodeBlock writes a terminating NUL after the last group.
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

bool IsValidUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const bool is_ascii = static_cast<unsigned char>(text[i]) - 1u < 0x7fu;  // 1 to 0x7f
    const std::size_t size = is_ascii ? 1 : CharacterSize(text.substr(i));
    if (size == 0) return false;
    i += size;
  }
  return true;
}

std::optional<std::string> UriDecoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' && plus_is_space ? ' ' : text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::optional<std::string> Base64Decoded(std::string_view text) {
  constexpr ByteSet kDigits("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  std::size_t digits = text.size();
  while (digits > 0 && text.size() - digits < 2 && text[digits - 1] == '=') --digits;
  // EVP_DecodeBlock skips spaces, and takes an '=' anywhere.
  const bool valid = text.size() % 4 == 0 &&
                     std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(digits),
                                 [&](char c) { return kDigits.Has(c); });
  if (!valid) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(out.size() - (text.size() - digits));
  return out;
}

std::string_view Utf8Prefix(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

std::string WithoutControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t control = ControlAt(text, i);
    if (control == 0) out.push_back(text[i]);
    i += control == 0 ? 1 : control;
  }
  return out;
}

bool HasControls(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (ControlAt(text, i) != 0) return true;
  }
  return false;
}

}  // namespace neon_s3

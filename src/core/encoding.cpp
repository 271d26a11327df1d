#include "core/encoding.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <openssl/evp.h>

#include "core/text.h"

namespace neon_s3 {
namespace {

using namespace std::string_view_literals;

constexpr ByteSet kUnreserved("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
constexpr ByteSet kUnreservedOrSlash(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/");

// There is room for kMaxEscape times as much. Returns the end of what was written.
char* Encode(std::string_view bytes, const ByteSet& keep, char* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (;;) {
    const std::size_t kept = keep.CountPrefix(bytes);
    out = std::copy_n(bytes.begin(), kept, out);
    if (kept == bytes.size()) return out;
    const auto c = static_cast<unsigned char>(bytes[kept]);
    *out++ = '%';
    *out++ = kHex[c >> 4];
    *out++ = kHex[c & 15];
    bytes.remove_prefix(kept + 1);
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The size of the character beyond ASCII that `text` starts with, or 0 (RFC 3629 section 4).
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

// Most texts are kept as they are: appended at their own size.
void AppendEncoded(std::string_view bytes, const ByteSet& keep, std::string* out) {
  const std::size_t kept = keep.CountPrefix(bytes);
  out->append(bytes, 0, kept);
  bytes.remove_prefix(kept);
  const std::size_t start = out->size();
  out->resize(start + bytes.size() * kMaxEscape);
  const char* end = Encode(bytes, keep, out->data() + start);
  out->resize(static_cast<std::size_t>(end - out->data()));
}

// Two digits for each value of a byte.
struct HexTable {
  constexpr HexTable() : digits{} {
    constexpr char kHex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < 256; ++i) {
      digits[2 * i] = kHex[i >> 4];
      digits[2 * i + 1] = kHex[i & 15];
    }
  }
  char digits[512];
};
constexpr HexTable kHexTable;

constexpr ByteSet kAsciiControls(
    "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"
    "\x1c\x1d\x1e\x1f\x7f"sv);

// Length in bytes of the control character that starts at `i`, or 0.
std::size_t ControlAt(std::string_view text, std::size_t i) {
  if (kAsciiControls.Has(text[i])) return 1;
  if (text[i] != '\xc2' || i + 1 == text.size()) return 0;
  const auto next = static_cast<unsigned char>(text[i + 1]);
  return next >= 0x80 && next <= 0x9f ? 2 : 0;
}

struct CodeRange {
  char32_t first, last;
};
constexpr CodeRange kFormatControls[] = {
    {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
};

bool IsFormatControl(char32_t code) {
  return std::any_of(std::begin(kFormatControls), std::end(kFormatControls),
                     [code](CodeRange range) { return code >= range.first && code <= range.last; });
}

// Of a character of several bytes.
char32_t CodeOf(std::string_view character) {
  char32_t code = static_cast<unsigned char>(character.front()) & (0x7fu >> character.size());
  for (const char c : character.substr(1))
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return code;
}

}  // namespace

void AppendUriEncoded(std::string_view bytes, std::string* out) {
  AppendEncoded(bytes, kUnreserved, out);
}

void AppendUriEncodedPath(std::string_view bytes, std::string* out) {
  AppendEncoded(bytes, kUnreservedOrSlash, out);
}

char* EncodeUriPath(std::string_view bytes, char* out) {
  return Encode(bytes, kUnreservedOrSlash, out);
}

void PutHex(const unsigned char* bytes, std::size_t size, char* out) {
  for (std::size_t i = 0; i < size; ++i)
    std::memcpy(out + 2 * i, &kHexTable.digits[2 * bytes[i]], 2);
}

void AppendHex(const unsigned char* bytes, std::size_t size, std::string* out) {
  const std::size_t start = out->size();
  out->resize(start + 2 * size);
  PutHex(bytes, size, out->data() + start);
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

std::size_t Utf8CharacterSize(std::string_view text) {
  const bool is_ascii = static_cast<unsigned char>(text.front()) - 1u < 0x7fu;  // 1 to 0x7f
  return is_ascii ? 1 : CharacterSize(text);
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
  // EVP_DecodeBlock skips spaces, and takes an '=' anywhere; what is valid it takes.
  const bool valid = text.size() % 4 == 0 &&
                     std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(digits),
                                 [&](char c) { return kDigits.Has(c); });
  if (!valid) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
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

std::string WithoutFormatControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = std::max<std::size_t>(CharacterSize(text.substr(i)), 1);
    const std::string_view character = text.substr(i, size);
    if (size == 1 || !IsFormatControl(CodeOf(character))) out.append(character);
    i += size;
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

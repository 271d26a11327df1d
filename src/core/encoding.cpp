#include "core/encoding.h"

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

std::string Base64(std::string_view bytes) {
  // EVP_EncodeBlock writes a terminating NUL after the last group.
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
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

#include "core/credentials.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxCredentialBytes = 65536;  // many times what any service gives out

// Of the first character; `size` as Utf8CharacterSize() gives it, not 0.
unsigned CodePoint(std::string_view text, std::size_t size) {
  constexpr unsigned char kLeadMasks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  unsigned code = static_cast<unsigned char>(text.front()) & kLeadMasks[size];
  for (std::size_t i = 1; i < size; ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  return code;
}

// Controls, white space other than a space, and invisible characters.
bool IsStrange(unsigned code) {
  constexpr struct {
    unsigned first, last;
  } kRanges[] = {
      {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x1680, 0x1680}, {0x180e, 0x180e},
      {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
  };
  return std::any_of(std::begin(kRanges), std::end(kRanges), [code](const auto& range) {
    return code >= range.first && code <= range.last;
  });
}

// "the character U+00A0", or of text that is not UTF-8, "the byte 0xA0". Empty if it may be there.
std::string StrangeFirst(std::string_view text) {
  const std::size_t size = Utf8CharacterSize(text);
  char name[32];
  if (size == 0) {
    std::snprintf(name, sizeof name, "the byte 0x%02X", static_cast<unsigned char>(text.front()));
    return name;
  }
  const unsigned code = CodePoint(text, size);
  if (!IsStrange(code)) return {};
  std::snprintf(name, sizeof name, "the character U+%04X", code);
  return name;
}

}  // namespace

std::string CredentialFault(std::string_view value) {
  if (value.size() > kMaxCredentialBytes) {
    return "is longer than " + std::to_string(kMaxCredentialBytes) + " bytes";
  }
  for (std::string_view rest = value; !rest.empty();) {
    const std::string strange = StrangeFirst(rest);
    if (!strange.empty()) return "has " + strange;
    rest.remove_prefix(Utf8CharacterSize(rest));
  }
  const auto is_quote = [](char c) { return c == '"' || c == '\'' || c == '`'; };
  const bool quoted = !value.empty() && (is_quote(value.front()) || is_quote(value.back()));
  return quoted ? "is in quotes" : "";
}

void ValidateCredential(const std::string& name, std::string_view value) {
  const std::string fault = CredentialFault(WithoutOuterSpace(value));
  if (fault.empty()) return;
  throw Error(ErrorCode::kBadArgument, name + " " + fault, kCredentialHint);
}

}  // namespace neon_s3

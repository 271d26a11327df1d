#include "core/credentials.h"

#include <algorithm>
#include <cstdio>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

// "the character U+00A0", or of text that is not UTF-8, "the byte 0xA0".
std::string NameFirst(std::string_view text) {
  constexpr unsigned char kLeadMasks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  const std::size_t size = Utf8CharacterSize(text);
  const auto lead = static_cast<unsigned char>(text.front());
  char name[32];
  if (size == 0) {
    std::snprintf(name, sizeof name, "the byte 0x%02X", lead);
    return name;
  }
  unsigned code = lead & kLeadMasks[size];
  for (std::size_t i = 1; i < size; ++i)
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  std::snprintf(name, sizeof name, "the character U+%04X", code);
  return name;
}

}  // namespace

std::string CredentialFault(std::string_view value, KeyPart part) {
  const auto strange = std::find_if(value.begin(), value.end(), [part](char c) {
    return (c <= ' ' || c >= '\x7f') && !(c == ' ' && part == KeyPart::kSecret);
  });
  if (strange != value.end()) {
    return "has " + NameFirst(value.substr(static_cast<std::size_t>(strange - value.begin())));
  }
  const auto is_quote = [](char c) { return c == '"' || c == '\'' || c == '`'; };
  const bool quoted = !value.empty() && (is_quote(value.front()) || is_quote(value.back()));
  return quoted ? "is in quotes" : "";
}

void ValidateCredential(const std::string& name, std::string_view value, KeyPart part) {
  const std::string fault = CredentialFault(WithoutOuterSpace(value), part);
  if (fault.empty()) return;
  throw Error(ErrorCode::kBadArgument, name + " " + fault, kCredentialHint);
}

}  // namespace neon_s3

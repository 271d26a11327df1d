#include "core/content_disposition.h"

#include "core/encoding.h"
#include "core/error.h"

namespace neon_s3 {
namespace {

// File systems take 255; while it downloads, Chromium appends ".crdownload", and maybe " (1)".
constexpr std::size_t kMaxNameBytes = 240;
constexpr std::size_t kMaxExtensionBytes = 16;

std::string Cut(const std::string& name) {
  if (name.size() <= kMaxNameBytes) return name;
  const std::size_t dot = name.rfind('.');
  const bool has_extension = dot != std::string::npos && name.size() - dot <= kMaxExtensionBytes;
  const std::string extension = has_extension ? name.substr(dot) : "";
  return std::string(Utf8Prefix(name, kMaxNameBytes - extension.size())) + extension;
}

std::string SafeName(std::string_view file_name) {
  std::string name = WithoutFormatControls(WithoutControls(file_name));
  for (char& c : name) {
    if (c == '/' || c == '\\') c = '_';
  }
  const bool is_nothing = name.find_first_not_of(" .") == std::string::npos;
  return is_nothing ? "_" : Cut(name);
}

// '"' would end the quoted string, and '%' is decoded by some browsers.
std::string AsciiFallback(std::string_view name) {
  std::string ascii;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;  // one '_' for a character of several bytes
    ascii.push_back(byte >= 0x80 || c == '"' || c == '%' ? '_' : c);
  }
  return ascii;
}

}  // namespace

std::string AttachmentDisposition(std::string_view file_name) {
  return ContentDisposition(file_name, "attachment");
}

std::string ContentDisposition(std::string_view file_name, std::string_view disposition) {
  if (disposition != "attachment" && disposition != "inline") {
    throw Error(ErrorCode::kBadArgument,
                "unknown disposition \"" + WithoutControls(disposition) + "\"",
                "Use attachment or inline.");
  }
  const std::string name = SafeName(file_name);
  std::string value(disposition);
  value.append("; filename=\"").append(AsciiFallback(name)).append("\"; filename*=UTF-8''");
  AppendUriEncoded(name, &value);
  return value;
}

}  // namespace neon_s3

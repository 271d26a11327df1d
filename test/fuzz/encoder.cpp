// The percent-encoder: another implementation agrees, and decoding gives back what was encoded.
// UTF-8, Base64 and hexadecimal digits, likewise.
#include "fuzz.h"

using namespace neon_s3;

static std::string PlainlyEncoded(std::string_view bytes, bool keep_slash) {
  std::string out;
  for (const char c : bytes) {
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
    const int byte = static_cast<unsigned char>(c);
    if (kept) {
      out += c;
    } else {
      out += '%';
      out += "0123456789ABCDEF"[byte / 16];
      out += "0123456789ABCDEF"[byte % 16];
    }
  }
  return out;
}

static void CheckEncoded(std::string_view bytes) {
  std::string name = "before", path = "before";
  AppendUriEncoded(bytes, &name);
  AppendUriEncodedPath(bytes, &path);
  Require(name == "before" + PlainlyEncoded(bytes, false));
  Require(path == "before" + PlainlyEncoded(bytes, true));

  const std::unique_ptr<char[]> room(new char[kMaxEscape * bytes.size()]);
  const char* end = EncodeUriPath(bytes, room.get());
  Require(path.substr(6) ==
          std::string_view(room.get(), static_cast<std::size_t>(end - room.get())));
  for (const bool plus_is_space : {false, true}) {
    Require(UriDecoded(name.substr(6), plus_is_space) == bytes);
    Require(UriDecoded(path.substr(6), plus_is_space) == bytes);
  }
}

static void CheckDecoded(std::string_view text) {
  const auto decoded = UriDecoded(text, false);
  if (!decoded) return;
  std::string again;
  AppendUriEncoded(*decoded, &again);
  Require(UriDecoded(again, false) == decoded);
  Require(again.size() >= decoded->size() && decoded->size() <= text.size());
}

static void CheckBase64(std::string_view bytes) {
  const std::string encoded = Base64(bytes);
  Require(encoded.size() == (bytes.size() + 2) / 3 * 4);
  Require(Base64Decoded(encoded) == bytes);
  // The last digit may have bits that count for nothing.
  const auto decoded = Base64Decoded(bytes);
  if (decoded) Require(Base64Decoded(Base64(*decoded)) == decoded);
}

// A code point at a time, by RFC 3629's table of ranges.
static bool IsPlainlyUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0 || (lead >= 0x80 && lead < 0xc0) || lead > 0xf7 || i + size > text.size())
      return false;
    unsigned long code = size == 1 ? lead : lead & (0xffu >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) {
      const unsigned byte = static_cast<unsigned char>(text[i + k]);
      if (byte < 0x80 || byte > 0xbf) return false;
      code = code * 64 + (byte - 0x80);
    }
    constexpr unsigned long kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kFirst[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += size;
  }
  return true;
}

static void CheckUtf8(std::string_view text) {
  Require(IsValidUtf8(text) == IsPlainlyUtf8(text));
  if (!IsPlainlyUtf8(text)) return;
  const std::string_view prefix = Utf8Prefix(text, text.size() / 2);
  Require(IsPlainlyUtf8(prefix) && prefix.size() <= text.size() / 2);
  Require(prefix.size() + 4 > text.size() / 2);
  const std::string plain = WithoutFormatControls(WithoutControls(text));
  Require(IsPlainlyUtf8(plain) && !HasControls(plain));
  Require(HasControls(text) == (WithoutControls(text) != text));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view bytes = input.Rest();
  CheckEncoded(bytes);
  CheckDecoded(bytes);
  CheckBase64(bytes);
  CheckUtf8(bytes);
  return 0;
}

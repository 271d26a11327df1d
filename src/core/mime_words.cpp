#include "core/mime_words.h"

#include <algorithm>
#include <optional>

#include "core/encoding.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

std::string Latin1ToUtf8(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto c = static_cast<unsigned char>(byte);
    if (c >= 0x80) out.push_back(static_cast<char>(0xc0 | (c >> 6)));
    out.push_back(c >= 0x80 ? static_cast<char>(0x80 | (c & 0x3f)) : byte);
  }
  return out;
}

// Section 4.2.
std::optional<std::string> DecodeQ(std::string_view text) {
  std::string percents;
  for (const char c : text) {
    if (c == '%') {
      percents.append("%25");
    } else {
      percents.push_back(c == '=' ? '%' : c == '_' ? ' ' : c);
    }
  }
  return UriDecoded(percents, false);
}

std::optional<std::string> DecodeText(std::string_view charset, std::string_view encoding,
                                      std::string_view text) {
  const std::string set = LowerCase(charset.substr(0, charset.find('*')));  // RFC 2231: a language
  if (set != "utf-8" && set != "iso-8859-1" && set != "us-ascii") return std::nullopt;
  std::optional<std::string> bytes;
  if (encoding == "Q" || encoding == "q") bytes = DecodeQ(text);
  if (encoding == "B" || encoding == "b") bytes = Base64Decoded(text);
  if (bytes && set == "iso-8859-1") return Latin1ToUtf8(*bytes);
  return bytes;
}

// The encoded word that `text` starts with: "=?charset?encoding?text?=".
struct Word {
  std::size_t size;
  std::string decoded;
};

std::optional<Word> ReadWord(std::string_view text) {
  if (!StartsWith(text, "=?")) return std::nullopt;
  // The three parts have neither spaces nor question marks, so that each search is a short one.
  std::size_t ends[3], start = 2;
  for (std::size_t& end : ends) {
    end = text.find_first_of("? ", start);
    if (end == std::string_view::npos || text[end] == ' ') return std::nullopt;
    start = end + 1;
  }
  const auto [charset, encoding, end] = ends;
  if (text.substr(end, 2) != "?=") return std::nullopt;
  const std::string_view content = text.substr(encoding + 1, end - encoding - 1);
  auto decoded = DecodeText(text.substr(2, charset - 2),
                            text.substr(charset + 1, encoding - charset - 1), content);
  if (!decoded) return std::nullopt;
  return Word{end + 2, std::move(*decoded)};
}

}  // namespace

std::string DecodeMimeWords(std::string_view value) {
  std::string out;
  bool after_word = false;
  for (std::size_t i = 0; i < value.size();) {
    const std::size_t text = std::min(value.find_first_not_of(' ', i), value.size());
    const std::string_view spaces = value.substr(i, text - i);  // between words they don't count
    const std::optional<Word> word = ReadWord(value.substr(text));
    if (!(word && after_word)) out.append(spaces);
    after_word = word.has_value();
    if (word) {
      out.append(word->decoded);
      i = text + word->size;
      continue;
    }
    // Up to what may be the next word.
    const std::size_t next = std::min(value.find(' ', text), value.size());
    out.append(value.substr(text, next - text));
    i = next;
  }
  return IsValidUtf8(out) ? out : std::string(value);
}

}  // namespace neon_s3

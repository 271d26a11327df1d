// RFC 2047: a text in words of any kind and cut comes back, and what is no word stays as it is.
#include "core/mime_words.h"

#include "core/text.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

std::string QWord(std::string_view text) {
  std::string word = "=?UTF-8?Q?";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == ' ') {
      word += '_';
    } else if (kept) {
      word += c;
    } else {
      word += {'=', "0123456789ABCDEF"[byte / 16], "0123456789abcdef"[byte % 16]};
    }
  }
  return word + "?=";
}

std::string BWord(std::string_view text) { return "=?utf-8*en?b?" + Base64(text) + "?="; }

// Where it is cut, both words stand side by side, with spaces that count for nothing.
void CheckWords(std::string_view text, std::size_t cut) {
  const std::string_view head = text.substr(0, cut), tail = text.substr(cut);
  Require(DecodeMimeWords(QWord(text)) == text);
  Require(DecodeMimeWords(BWord(text)) == text);
  Require(DecodeMimeWords(QWord(head) + " " + BWord(tail)) == text);
  Require(DecodeMimeWords(BWord(head) + "  " + QWord(tail)) == text);
  Require(DecodeMimeWords("a " + QWord(text) + " b") == "a " + std::string(text) + " b");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view value = input.Field();
  const std::string decoded = DecodeMimeWords(value);
  Require(IsValidUtf8(decoded) || decoded == value);
  if (value.find("=?") == value.npos) Require(decoded == value);
  const std::string_view text = input.Text();
  CheckWords(text, text.size() / 2);
  return 0;
}

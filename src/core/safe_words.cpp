#include "core/safe_words.h"

#include <algorithm>
#include <cctype>

#include "core/encoding.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kMask = "****";
constexpr ByteSet kSpace(" \t\r\n");
constexpr ByteSet kWordEnds(" \t\r\n?&;,\"'<>()[]{}");
constexpr ByteSet kCodeChars(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-%");

// The name of something that is secret: "X-Amz-Signature", "x-amz-security-token", "Credential".
bool IsSecretName(std::string_view name) {
  constexpr std::string_view kEnds[] = {"signature", "token",     "credential",  "secret",
                                        "password",  "accesskey", "accesskeyid", "authorization"};
  std::string plain;
  for (const char c : LowerCase(name)) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) plain.push_back(c);
  }
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return EndsWith(plain, end); });
}

// A signature, a token or a key, by its looks: long, of base64's characters, and no plain words.
bool LooksSecret(std::string_view word) {
  constexpr std::size_t kShortest = 40;
  if (word.size() < kShortest || kCodeChars.CountPrefix(word) < word.size()) return false;
  const auto has = [&](std::string_view set) { return word.find_first_of(set) != word.npos; };
  const bool is_hex = word.find_first_not_of("0123456789abcdefABCDEF") == word.npos;
  return is_hex || (has("0123456789") && has("abcdefghijklmnopqrstuvwxyz") &&
                    has("ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
}

std::string Masked(std::string text, std::string_view secret) {
  constexpr std::size_t kShortest = 8;
  if (secret.size() < kShortest) return text;
  for (std::size_t at = 0; (at = text.find(secret, at)) != text.npos; at += kMask.size()) {
    text.replace(at, secret.size(), kMask);
  }
  return text;
}

// The same without what `secret` became in a URL.
std::string MaskedEverywhere(std::string text, std::string_view secret) {
  std::string encoded;
  AppendUriEncoded(secret, &encoded);
  return Masked(Masked(std::move(text), secret), encoded);
}

// The values of what has the name of a secret, and what looks like one.
class SecretMasker {
 public:
  std::string Mask(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      if (kWordEnds.Has(text[at])) {
        if (!kSpace.Has(text[at])) is_secret_next_ = false;
        out_.push_back(text[at++]);
        continue;
      }
      std::size_t end = at;
      while (end < text.size() && !kWordEnds.Has(text[end])) ++end;
      AddWord(text.substr(at, end - at));
      at = end;
    }
    return std::move(out_);
  }

 private:
  void AddWord(std::string_view word) {
    const std::size_t sign = word.find_first_of("=:");
    const bool has_name = sign != word.npos && IsSecretName(word.substr(0, sign));
    if (has_name) {
      out_.append(word.substr(0, sign + 1));
      word.remove_prefix(sign + 1);
    }
    const bool is_scheme = LowerCase(word) == "bearer" || StartsWith(word, "AWS4-HMAC-SHA256");
    const bool is_secret = (has_name || is_secret_next_ || LooksSecret(word)) && !is_scheme;
    if (!word.empty()) out_.append(is_secret ? kMask : word);
    is_secret_next_ = (has_name && word.empty()) || (is_secret_next_ && is_scheme);
  }

  std::string out_;
  bool is_secret_next_ = false;  // a name came before
};

// Cut after a word where it is longer.
std::string Shortened(std::string text) {
  constexpr std::size_t kLongest = 800;
  if (text.size() <= kLongest) return text;
  const std::string_view start = Utf8Prefix(text, kLongest);
  const std::size_t space = start.rfind(' ');
  return std::string(start.substr(0, space == start.npos ? start.size() : space)) + "…";
}

std::string WithoutOddCharacters(std::string_view text) {
  std::string plain(WithoutOuterSpace(text));
  const bool is_text = IsValidUtf8(plain);
  for (char& c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
    if (!is_text && byte >= 0x80) c = '?';
  }
  return WithoutControls(plain);
}

}  // namespace

std::string SafeWords(std::string_view text, const Credentials& secrets,
                      const std::vector<std::string_view>& more) {
  const std::string words = WithoutSecrets(WithoutOddCharacters(text), secrets, more);
  return Shortened(SecretMasker().Mask(words));
}

std::string WithoutSecrets(std::string text, const Credentials& secrets,
                           const std::vector<std::string_view>& more) {
  text = MaskedEverywhere(std::move(text), secrets.secret_access_key);
  text = MaskedEverywhere(std::move(text), secrets.session_token);
  for (const std::string_view secret : more) text = MaskedEverywhere(std::move(text), secret);
  return text;
}

}  // namespace neon_s3

// Byte encodings of AWS Signature Version 4. Append...() append to the caller's string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neon_s3 {

// UriEncode() of the AWS documentation: every byte but A-Z a-z 0-9 - . _ ~ becomes %XX, upper case
// (RFC 3986 section 2.3 unreserved characters).
void AppendUriEncoded(std::string_view bytes, std::string* out);

// The same, for an object key inside a path: '/' is kept too. Nothing is normalised.
void AppendUriEncodedPath(std::string_view bytes, std::string* out);

// The most that one byte becomes.
constexpr std::size_t kMaxEscape = 3;

// The same as AppendUriEncodedPath(), into memory that has room for kMaxEscape times as much;
// returns the end of what was written.
char* EncodeUriPath(std::string_view bytes, char* out);

// Lower-case hexadecimal: 2 * size digits.
void PutHex(const unsigned char* bytes, std::size_t size, char* out);
void AppendHex(const unsigned char* bytes, std::size_t size, std::string* out);

void AppendDecimal(long long value, std::string* out);

// A decimal number, of nothing but digits after a minus sign; nothing where it doesn't fit.
std::optional<std::int64_t> ParseDecimal(std::string_view text);

// RFC 4648 section 4, padded.
std::string Base64(std::string_view bytes);

// The size in bytes of the character that `text`, which is not empty, starts with; 0 where it
// starts with none, or with a NUL.
std::size_t Utf8CharacterSize(std::string_view text);

// Whether it is UTF-8 (RFC 3629), without a NUL.
bool IsValidUtf8(std::string_view text);

// The inverse of AppendUriEncoded(); with `plus_is_space`, of HTML forms. Nothing where a '%' is
// not followed by two hexadecimal digits.
std::optional<std::string> UriDecoded(std::string_view text, bool plus_is_space);

// RFC 4648 section 4, padded; nothing for what is none.
std::optional<std::string> Base64Decoded(std::string_view text);

// The longest prefix of valid UTF-8 `text` that has at most `max_bytes` bytes and ends at a
// character.
std::string_view Utf8Prefix(std::string_view text, std::size_t max_bytes);

// Valid UTF-8 `text` without its control characters (C0, DEL and C1: Unicode category Cc).
std::string WithoutControls(std::string_view text);

// Valid UTF-8 `text` without the invisible characters that make it look like another: those that
// change its direction, of no width, and separators of lines. U+200C and U+200D stay, which Persian
// and emoji need.
std::string WithoutFormatControls(std::string_view text);

// True where `text` (UTF-8) holds a control character.
bool HasControls(std::string_view text);

}  // namespace neon_s3

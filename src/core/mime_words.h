// RFC 2047: how Amazon writes metadata that is not ASCII.
#pragma once

#include <string>
#include <string_view>

namespace neon_s3 {

// `value` with its encoded words decoded to UTF-8: Q and B of UTF-8, ISO-8859-1 and US-ASCII. Those
// of other kinds stay as they are, and so does all of a value that would be no text without NUL.
std::string DecodeMimeWords(std::string_view value);

}  // namespace neon_s3

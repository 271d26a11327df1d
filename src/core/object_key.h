// Object keys: which ones the SQL contract takes, and how the key of an upload is made.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neon_s3 {

constexpr std::size_t kMaxKeyBytes = 1024;

// True where a '/'-separated segment of `path` is "." or "..".
bool HasDotSegment(std::string_view path);

// `key` is valid UTF-8. kBadArgument unless it has 1 to 1024 bytes and no path segment "." or "..":
// S3 would take those, but browsers and proxies normalise them, and the URL would name another
// object.
void ValidateObjectKey(std::string_view key);

// What follows the last '/' or '\'.
std::string_view LastPathComponent(std::string_view file_name);

// prefix + uuid + "-" + file name: only the last path component of `file_name`, without control
// characters, cut at a character so that the key fits. All texts are valid UTF-8.
// kBadArgument where the file name is empty, or the prefix leaves no room for it.
std::string MakeObjectKey(std::string_view prefix, std::string_view uuid,
                          std::string_view file_name);

}  // namespace neon_s3

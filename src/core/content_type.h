// Content types by the extension of a file's name.
#pragma once

#include <optional>
#include <string_view>

namespace neon_s3 {

// By the longest known extension of the last path component, in any case; nothing if there is none.
// A name that only begins with a dot has no extension.
std::optional<std::string_view> ContentTypeOf(std::string_view file_name);

}  // namespace neon_s3

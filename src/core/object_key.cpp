#include "core/object_key.h"

#include <algorithm>

#include "core/encoding.h"
#include "core/error.h"

namespace neon_s3 {

bool HasDotSegment(std::string_view path) {
  std::size_t end = 0;
  for (;;) {
    const std::size_t dots = path.find('.', end);
    if (dots == std::string_view::npos) return false;
    end = std::min(path.find_first_not_of('.', dots), path.size());
    const bool is_segment =
        (dots == 0 || path[dots - 1] == '/') && (end == path.size() || path[end] == '/');
    if (is_segment && end - dots <= 2) return true;
  }
}

void ValidateObjectKey(std::string_view key) {
  if (key.empty()) throw Error(ErrorCode::kBadArgument, "object key is empty");
  if (key.size() > kMaxKeyBytes) {
    throw Error(ErrorCode::kBadArgument,
                "object key has " + std::to_string(key.size()) + " bytes, more than 1024");
  }
  if (HasDotSegment(key)) {
    throw Error(
        ErrorCode::kBadArgument,
        "object key \"" + std::string(key) + "\" has a \".\" or \"..\" path segment",
        "Browsers and proxies normalise such segments, so the URL would name another object.");
  }
}

std::string_view LastPathComponent(std::string_view file_name) {
  const std::size_t separator = file_name.find_last_of("/\\");
  return separator == std::string_view::npos ? file_name : file_name.substr(separator + 1);
}

std::string MakeObjectKey(std::string_view prefix, std::string_view uuid,
                          std::string_view file_name) {
  const std::string name = WithoutControls(LastPathComponent(file_name));
  if (name.empty()) {
    throw Error(ErrorCode::kBadArgument, "file name is empty",
                "Only the last path component of file_name counts.");
  }

  std::string key;
  key.append(prefix).append(uuid).append("-");
  const std::string_view fitting =
      key.size() < kMaxKeyBytes ? Utf8Prefix(name, kMaxKeyBytes - key.size()) : std::string_view();
  if (fitting.empty()) {
    throw Error(ErrorCode::kBadArgument, "key prefix leaves no room for a file name",
                "An object key has at most 1024 bytes.");
  }
  key.append(fitting);
  ValidateObjectKey(key);
  return key;
}

}  // namespace neon_s3

#include "core/content_type.h"

#include <algorithm>
#include <iterator>

#include "core/object_key.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

struct Entry {
  std::string_view extension, type;
};

constexpr Entry kEntries[] = {
#include "core/content_types.inc"
};

constexpr bool IsSorted() {
  for (std::size_t i = 1; i < std::size(kEntries); ++i) {
    if (kEntries[i - 1].extension >= kEntries[i].extension) return false;
  }
  return true;
}
static_assert(IsSorted());

std::optional<std::string_view> TypeOfExtension(std::string_view lower) {
  const auto* found = std::lower_bound(
      std::begin(kEntries), std::end(kEntries), lower,
      [](const Entry& entry, std::string_view extension) { return entry.extension < extension; });
  if (found == std::end(kEntries) || found->extension != lower) return std::nullopt;
  return found->type;
}

}  // namespace

std::optional<std::string_view> ContentTypeOf(std::string_view file_name) {
  const std::string name = LowerCase(LastPathComponent(file_name));
  // From left to right: "a.tm.json" is a thing model before it is any JSON.
  for (std::size_t dot = name.find('.', 1); dot != std::string::npos;
       dot = name.find('.', dot + 1)) {
    const auto type = TypeOfExtension(std::string_view(name).substr(dot + 1));
    if (type) return type;
  }
  return std::nullopt;
}

}  // namespace neon_s3

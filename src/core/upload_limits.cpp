#include "core/upload_limits.h"

#include <string>

#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

std::string_view WithoutParameters(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  while (!type.empty() && (type.front() == ' ' || type.front() == '\t')) type.remove_prefix(1);
  return type;
}

}  // namespace

void CheckMaxSize(std::int64_t max_size, std::optional<std::int64_t> length) {
  const std::string limit = std::to_string(max_size);
  if (!length) {
    throw Error(ErrorCode::kBadArgument,
                "content_length is null, but the table has a max_size of " + limit + " bytes");
  }
  if (*length > max_size) {
    throw Error(ErrorCode::kBadArgument, "content_length " + std::to_string(*length) +
                                             " is more than the table's max_size of " + limit +
                                             " bytes");
  }
}

void ValidateTypePattern(std::string_view pattern) {
  const std::size_t slash = pattern.find('/');
  const bool is_pair = slash != std::string_view::npos && IsToken(pattern.substr(0, slash)) &&
                       IsToken(pattern.substr(slash + 1));
  const bool has_star = is_pair && pattern.find('*') != std::string_view::npos;
  const bool is_kind = is_pair && pattern.find('*') == slash + 1 && pattern.size() == slash + 2;
  if (!is_pair || (has_star && !is_kind)) {
    throw Error(ErrorCode::kBadArgument, "content type \"" + std::string(pattern) + "\" is invalid",
                "Write a type such as image/png, or image/* for all of its kind.");
  }
}

bool MatchesType(std::string_view content_type, std::string_view pattern) {
  const std::string type = LowerCase(WithoutParameters(content_type));
  const std::string wanted = LowerCase(pattern);
  if (!EndsWith(wanted, "/*")) return type == wanted;
  const std::size_t kind = wanted.size() - 1;
  return type.size() > kind && type.compare(0, kind, wanted, 0, kind) == 0;
}

void RefuseType(std::optional<std::string_view> content_type) {
  const std::string shown =
      content_type ? "content type \"" + std::string(*content_type) + "\"" : "content_type null";
  throw Error(ErrorCode::kBadArgument, shown + " is not among the table's content_types");
}

}  // namespace neon_s3

// What a governed table allows its uploads.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace neon_s3 {

// kBadArgument unless `length` is known and not larger than `max_size`, which is not negative.
void CheckMaxSize(std::int64_t max_size, std::optional<std::int64_t> length);

// kBadArgument unless it is a type as a table's content_types have it: "image/png", or "image/*"
// for all of its kind; without parameters.
void ValidateTypePattern(std::string_view pattern);

// Compares without case and without the parameters of `content_type`.
bool MatchesType(std::string_view content_type, std::string_view pattern);

// kBadArgument: `content_type` (none: null) matches none of a table's patterns.
[[noreturn]] void RefuseType(std::optional<std::string_view> content_type);

}  // namespace neon_s3

// JSON texts of others, within limits. What is flat (an object of strings) is read by ArgReader;
// what is deeper is parsed here.
#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

namespace neon_s3 {

using Json = nlohmann::ordered_json;

// An argument. kBadArgument for what is not JSON or is nested deeper than 32 levels, kTooLarge for
// more than `max_bytes`.
Json ParseJson(std::string_view text, std::size_t max_bytes = 1 << 20);

// Whether a server's text is JSON that jsonb can hold: UTF-8, no NUL, no more than 32 levels and
// 1 MiB.
bool IsJsonForJsonb(std::string_view text);

}  // namespace neon_s3

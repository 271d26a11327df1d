#include "core/json.h"

#include <string>

#include "core/error.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 32;

struct Traits {
  bool is_deep = false;
  bool has_nul = false;  // "\u0000"
};

Traits Scan(std::string_view json) {
  Traits traits;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size() && !traits.is_deep; ++i) {
    const char c = json[i];
    if (in_text && c == '\\') {
      traits.has_nul = traits.has_nul || json.substr(i, 6) == "\\u0000";
      ++i;
      continue;
    }
    if (c == '"') in_text = !in_text;
    if (in_text) continue;
    if (c == '[' || c == '{') traits.is_deep = ++depth > kMaxDepth;
    if (c == ']' || c == '}') --depth;
  }
  return traits;
}

}  // namespace

Json ParseJson(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    throw Error(ErrorCode::kTooLarge,
                "JSON exceeds the limit of " + std::to_string(max_bytes) + " bytes");
  }
  if (Scan(text).is_deep) throw Error(ErrorCode::kBadArgument, "JSON is deeper than 32 levels");
  Json value = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw Error(ErrorCode::kBadArgument, "invalid JSON");
  return value;
}

bool IsJsonForJsonb(std::string_view text) {
  if (text.size() > kMaxBytes) return false;
  const Traits traits = Scan(text);
  return !traits.is_deep && !traits.has_nul && Json::accept(text.begin(), text.end());
}

}  // namespace neon_s3

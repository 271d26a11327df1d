#include "core/part_list.h"

#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace neon_s3 {
namespace {

using nlohmann::json;

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorCode::kBadArgument, "invalid parts: " + problem,
              "Write them as [{\"part_number\": 1, \"etag\": \"…\"}].");
}

const json* Member(const json& part, const char* name, const char* aws_name) {
  for (const char* candidate : {name, aws_name}) {
    const auto found = part.find(candidate);
    if (found != part.end()) return &*found;
  }
  return nullptr;
}

CompletedPart ParsePart(const json& part) {
  if (!part.is_object()) Refuse("an element is no object");
  const json* number = Member(part, "part_number", "PartNumber");
  const json* etag = Member(part, "etag", "ETag");
  const bool is_number =
      number != nullptr && number->is_number_unsigned() && *number >= 1U && *number <= 10000U;
  if (!is_number) Refuse("a part_number is not between 1 and 10000");
  if (etag == nullptr || !etag->is_string() || etag->get_ref<const std::string&>().empty()) {
    Refuse("part " + number->dump() + " has no etag");
  }
  return {number->get<int>(), etag->get<std::string>(), {}};
}

}  // namespace

std::vector<CompletedPart> ParsePartList(std::string_view text) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.empty()) Refuse("they are no array with parts");
  std::vector<CompletedPart> parts;
  for (const json& part : list) parts.push_back(ParsePart(part));
  std::sort(parts.begin(), parts.end(), [](const CompletedPart& a, const CompletedPart& b) {
    return a.part_number < b.part_number;
  });
  const auto twin = std::adjacent_find(parts.begin(), parts.end(),
                                       [](const CompletedPart& a, const CompletedPart& b) {
                                         return a.part_number == b.part_number;
                                       });
  if (twin != parts.end()) Refuse("part " + std::to_string(twin->part_number) + " comes twice");
  return parts;
}

}  // namespace neon_s3

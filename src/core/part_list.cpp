#include "core/part_list.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/json.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxBytes = 8 << 20;  // 10000 parts with every checksum

// What S3 lists of a part, and takes or (the last two) ignores when the upload is completed.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedPart.html
struct Member {
  std::string_view name, aws_name;
  bool is_checksum;
};
constexpr Member kMembers[] = {
    {"part_number", "PartNumber", false},
    {"etag", "ETag", false},
    {"checksum_crc32", "ChecksumCRC32", true},
    {"checksum_crc32c", "ChecksumCRC32C", true},
    {"checksum_crc64nvme", "ChecksumCRC64NVME", true},
    {"checksum_sha1", "ChecksumSHA1", true},
    {"checksum_sha256", "ChecksumSHA256", true},
    {"size", "Size", false},
    {"last_modified", "LastModified", false},
};

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorCode::kBadArgument, "invalid parts: " + problem,
              "Write them as [{\"part_number\": 1, \"etag\": \"…\"}]; checksums are named as in "
              "\"ChecksumCRC32\" or \"checksum_crc32\".");
}

const Member* FindMember(std::string_view name) {
  const auto* found = std::find_if(
      std::begin(kMembers), std::end(kMembers),
      [name](const Member& member) { return member.name == name || member.aws_name == name; });
  return found == std::end(kMembers) ? nullptr : found;
}

int ParseNumber(const Json& part) {
  const auto found =
      part.contains("part_number") ? part.find("part_number") : part.find("PartNumber");
  const bool is_number =
      found != part.end() && found->is_number_unsigned() && *found >= 1U && *found <= 10000U;
  if (!is_number) Refuse("a part_number is not between 1 and 10000");
  return found->get<int>();
}

std::string TextOf(const Json& value, std::string_view member, int number) {
  const bool is_text = value.is_string() && !value.get_ref<const std::string&>().empty();
  if (!is_text) {
    Refuse("value of \"" + std::string(member) + "\" of part " + std::to_string(number) +
           " is not a string");
  }
  return value.get<std::string>();
}

CompletedPart ParsePart(const Json& json) {
  if (!json.is_object()) Refuse("an element is not an object");
  CompletedPart part{ParseNumber(json), "", {}};
  const std::string number = std::to_string(part.part_number);
  for (const auto& [name, value] : json.items()) {
    const Member* member = FindMember(name);
    if (member == nullptr) Refuse("part " + number + " has an unknown member \"" + name + "\"");
    if (member->name == "etag") part.etag = TextOf(value, name, part.part_number);
    if (member->is_checksum && !value.is_null()) {
      part.checksums.emplace_back(member->aws_name, TextOf(value, name, part.part_number));
    }
  }
  if (part.etag.empty()) Refuse("part " + number + " lacks its etag");
  return part;
}

}  // namespace

std::vector<CompletedPart> ParsePartList(std::string_view text) {
  const OwnedJson parsed = ParseJson(text, kMaxBytes);
  const Json& list = *parsed;
  if (!list.is_array() || list.empty()) Refuse("they are not an array of parts");
  std::vector<CompletedPart> parts;
  for (const Json& part : list) parts.push_back(ParsePart(part));
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

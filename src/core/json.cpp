#include "core/json.h"

#include <string>
#include <vector>

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

// For one more member. Left to itself it would copy what is inside, and destroy what it copied.
void MakeRoom(Json::object_t* members) {
  if (members->size() < members->capacity()) return;
  Json::object_t larger;
  larger.reserve(2 * members->size() + 4);
  for (const auto& member : *members) larger.emplace_back(member.first, nullptr);
  auto to = larger.begin();
  for (auto& member : *members) (to++)->second.swap(member.second);
  members->swap(larger);
}

// What nlohmann's own one does, but for values that are destroyed on the way.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(Json* root) : root_(root) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool key(string_t& name) override {
    name_ = std::move(name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  // `value` has nothing inside.
  Json* Put(Json value) {
    if (open_.empty()) return &(*root_ = std::move(value));
    Json& into = *open_.back();
    if (into.is_array()) {
      into.push_back(std::move(value));
      return &into.back();
    }
    MakeRoom(&into.get_ref<Json::object_t&>());
    Json& member = into[name_];
    OwnedJson::TakeApart(&member);  // it may come twice, and the last one counts
    return &(member = std::move(value));
  }
  bool Add(Json value) {
    Put(std::move(value));
    return true;
  }
  bool Open(Json value) {
    open_.push_back(Put(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  Json* const root_;
  std::vector<Json*> open_;  // the innermost last
  std::string name_;         // of the next member
};

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape)
void OwnedJson::TakeApart(Json* value) noexcept {
  if (!value->is_structured()) return;
  for (Json& inner : *value) TakeApart(&inner);
  value->clear();
}

OwnedJson ParseJson(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    throw Error(ErrorCode::kTooLarge,
                "JSON exceeds the limit of " + std::to_string(max_bytes) + " bytes");
  }
  if (Scan(text).is_deep) throw Error(ErrorCode::kBadArgument, "JSON is deeper than 32 levels");
  OwnedJson value{Json()};
  Builder builder(&*value);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    throw Error(ErrorCode::kBadArgument, "invalid JSON");
  }
  return value;
}

bool IsJsonForJsonb(std::string_view text) {
  if (text.size() > kMaxBytes) return false;
  const Traits traits = Scan(text);
  return !traits.is_deep && !traits.has_nul && Json::accept(text.begin(), text.end());
}

std::string ToJson(std::string_view text) { return Json(text).dump(); }

}  // namespace neon_s3

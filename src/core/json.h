// JSON texts of others, within limits. What is flat (an object of strings) is read by ArgReader;
// what is deeper is parsed here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace neon_s3 {

using Json = nlohmann::ordered_json;

// Whoever has a value with others inside has it in one of these: the destructor of nlohmann's asks
// for memory, and ends the process where it gets none.
class OwnedJson {
 public:
  explicit OwnedJson(Json value) noexcept : value_(std::move(value)) {}
  OwnedJson(OwnedJson&&) noexcept = default;
  ~OwnedJson() { TakeApart(&value_); }  // NOLINT(bugprone-exception-escape): see below

  Json& operator*() { return value_; }
  const Json& operator*() const { return value_; }
  Json* operator->() { return &value_; }
  const Json* operator->() const { return &value_; }

  // Leaves nothing inside of `value`, without asking for memory. What it calls throws nothing at
  // arrays and objects.
  static void TakeApart(Json* value) noexcept;  // NOLINT(bugprone-exception-escape)

 private:
  Json value_;
};

// An argument. kBadArgument for what is not JSON or is nested deeper than 32 levels, kTooLarge for
// more than `max_bytes`.
OwnedJson ParseJson(std::string_view text, std::size_t max_bytes = 1 << 20);

// Whether a server's text is JSON that jsonb can hold: UTF-8, no NUL, no more than 32 levels and
// 1 MiB.
bool IsJsonForJsonb(std::string_view text);

// A text in quotes.
std::string ToJson(std::string_view text);

}  // namespace neon_s3

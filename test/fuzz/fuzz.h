// What the fuzz targets share. Each reads its input as fields that end in a NUL, which no text of
// SQL has, and aborts where a property does not hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/encoding.h"
#include "core/error.h"

namespace neon_s3 {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  std::string_view Rest() { return Take(rest_.size()); }

  // Each is memory of its own, so that reading past its end is seen.
  std::string_view Field() {
    const std::string_view field = Take(std::min(rest_.find('\0'), rest_.size()));
    if (!rest_.empty()) rest_.remove_prefix(1);
    return field;
  }

  // As SQL gives it: the field up to what is not UTF-8.
  std::string_view Text() {
    const std::string_view field = Field();
    std::size_t size = 0;
    while (size < field.size()) {
      const std::size_t character = Utf8CharacterSize(field.substr(size));
      if (character == 0) break;
      size += character;
    }
    return field.substr(0, size);
  }

  // 0 where it is no number.
  std::int64_t Number() { return ParseDecimal(Field()).value_or(0); }

 private:
  std::string_view Take(std::size_t size) {
    copies_.emplace_back(new char[size]);
    std::memcpy(copies_.back().get(), rest_.data(), size);
    rest_.remove_prefix(size);
    return {copies_.back().get(), size};
  }

  std::string_view rest_;
  std::vector<std::unique_ptr<char[]>> copies_;
};

// False where `call` throws an Error, which must be one that SQL can show; anything else ends the
// fuzzer.
template <typename Call>
bool Accepts(const Call& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    Require(error.what()[0] != '\0');
    for (const std::string& text : {std::string(error.what()), error.detail(), error.hint()}) {
      Require(IsValidUtf8(text));
    }
    return false;
  }
}

}  // namespace neon_s3

// The options that say where a bucket is and who signs, each of them once: as a setting
// neon_s3.NAME, as an option of servers or user mappings, and as what becomes of it in a Target.
#pragma once

#include "pg/settings.h"
#include "pg/target.h"

namespace neon_s3 {

enum class OptionOwner { kServer, kUserMapping };

struct Option {
  const char* name;
  OptionOwner owner;
  // It chooses among credentials that belong to the database server.
  bool superuser_only;
  // C++ side: kBadArgument for a value that can't be. Null: any text will do.
  void (*check)(const char* value);
  std::string_view& (*text)(Target& target);
  char* Settings::*setting;  // null: there is no such setting
};

extern const Option kOptions[];
extern const std::size_t kOptionCount;

struct OptionRange {
  const Option* begin() const { return kOptions; }
  const Option* end() const { return kOptions + kOptionCount; }
};
constexpr OptionRange Options() { return {}; }

}  // namespace neon_s3

// SQL arguments as plain data. Postgres side: everything here may raise an ERROR.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pg/pg.h"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/jsonb.h"
}

namespace neon_s3 {

using OptionalText = std::optional<std::string_view>;

// Bytes of the server's encoding as UTF-8: a view of them where nothing has to be converted.
std::string_view ToUtf8(const char* bytes, std::size_t size);

// A text in another encoding, in the current memory context: as many bytes of it as can be
// converted.
struct Conversion {
  const char* text;
  std::size_t converted;  // bytes of the original
};
Conversion Convert(const char* bytes, std::size_t size, int from, int to);

struct FieldArg {
  std::string_view name;
  std::string_view value;
};

// In the current memory context.
struct FieldArgs {
  const FieldArg* fields = nullptr;
  int count = 0;

  const FieldArg* begin() const { return fields; }
  const FieldArg* end() const { return fields + count; }
};

// In the current memory context.
struct TextArgs {
  bool is_null = false;  // the array itself
  const std::string_view* texts = nullptr;
  std::size_t count = 0;

  const std::string_view* begin() const { return texts; }
  const std::string_view* end() const { return texts + count; }
};

// Reads a function's arguments from first to last. Texts are UTF-8, converted where the database
// has another encoding (22021 where that can't be), and live in the call's memory.
class ArgReader {
 public:
  explicit ArgReader(FunctionCallInfo fcinfo) : fcinfo_(fcinfo) {}

  OptionalText Text();
  OptionalText Bytes();
  std::optional<std::int64_t> BigInt();
  // 22023 where it is negative; `name` is the argument's.
  std::optional<std::int64_t> NonNegative(const char* name);
  std::optional<std::int32_t> Integer();
  bool Boolean(bool if_null);
  // An object of string -> string; `name` is the argument's.
  FieldArgs Fields(const char* name);
  // Null where the argument is.
  Jsonb* Json();
  // Seconds: the argument, else neon_s3.expires_in; 22023 unless whole, and within 1 second, 7 days
  // and (without superuser) neon_s3.max_expires_in.
  std::int64_t ExpiresIn();
  // After ExpiresIn(): the argument, else the time of day. 22023 for infinity, and (without
  // superuser) if the URL would end later than neon_s3.max_expires_in from now.
  TimestampTz SignedAt();
  std::optional<Oid> ObjectId();
  // An array of texts; `name` is the argument's. 22023 where one of them is null.
  TextArgs Texts(const char* name);
  // The same of byteas.
  TextArgs Bodies(const char* name);
  // A JSON value as text. Nothing where it is null.
  OptionalText JsonText();
  // In the server's encoding, for the catalogs.
  OptionalText ServerText();

 private:
  int Next() { return next_++; }
  TextArgs Array(const char* name, Oid element);

  FunctionCallInfo fcinfo_;
  int next_ = 0;
  std::int64_t expires_in_ = 0;  // what ExpiresIn() gave
};

// Seconds since 1970, rounded down.
std::int64_t ToUnixSeconds(TimestampTz time);

}  // namespace neon_s3

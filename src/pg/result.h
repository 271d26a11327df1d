// SQL results. PostgreSQL's regime: everything here may raise an ERROR. Texts come in UTF-8 and go
// out in the server's encoding.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/presign.h"
#include "pg/pg.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace neon_s3 {

Datum TextDatum(std::string_view utf8);
// Always ASCII, so the same in every encoding.
Datum UrlDatum(const PresignedUrl& url);

// The row of a function that returns one.
Datum RowDatum(FunctionCallInfo fcinfo, Datum* values, bool* nulls);

// Builds one jsonb value, from the outside in.
class JsonBuilder {
 public:
  void BeginObject() { Push(WJB_BEGIN_OBJECT, nullptr); }
  void EndObject() { Push(WJB_END_OBJECT, nullptr); }
  void BeginArray() { Push(WJB_BEGIN_ARRAY, nullptr); }
  void EndArray() { Push(WJB_END_ARRAY, nullptr); }
  void Key(std::string_view utf8);
  void Member(std::string_view name, std::string_view value);
  void Element(std::string_view utf8);
  void Element(std::int64_t number);

  // After the last End...().
  Jsonb* Finish() { return JsonbValueToJsonb(last_); }

 private:
  void Push(JsonbIteratorToken token, JsonbValue* value) {
    last_ = pushJsonbValue(&state_, token, value);
  }

  JsonbParseState* state_ = nullptr;
  JsonbValue* last_ = nullptr;
};

}  // namespace neon_s3

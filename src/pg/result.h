// SQL results. Postgres side: everything here may raise an ERROR. Texts come in UTF-8 and go
// out in the server's encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/presign.h"
#include "pg/pg.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace neon_s3 {

Datum TextDatum(std::string_view utf8);
// For views, which must not fail for what others do: '?' for what the encoding lacks.
Datum LossyTextDatum(std::string_view utf8);
Datum ByteaDatum(std::string_view bytes);
// Always ASCII, so the same in every encoding.
Datum UrlDatum(const PresignedUrl& url);

// A new one, version 4, as text in the current memory context.
std::string_view RandomUuid();

// A JSON text as jsonb.
Datum JsonbDatum(std::string_view json);

// The type of the row that a function returns, whose OUT arguments never change. Good until the
// next call.
TupleDesc ResultDesc(FunctionCallInfo fcinfo);

// The row of a function that returns one.
Datum RowDatum(FunctionCallInfo fcinfo, Datum* values, bool* nulls);

// A row, column after column. Plain data.
class Row {
 public:
  void Null() { Add(0, true); }
  void Text(std::string_view utf8) { Add(TextDatum(utf8), false); }
  void TextOrNull(std::string_view utf8) {
    utf8.empty() ? Null() : Text(utf8);
  }  // null where it is empty
  void BigInt(std::int64_t number) { Add(Int64GetDatum(number), false); }
  void BigIntOrNull(std::int64_t number) {
    number < 0 ? Null() : BigInt(number);
  }  // null where negative
  void Integer(std::int32_t number) { Add(Int32GetDatum(number), false); }
  void Double(double number) { Add(Float8GetDatum(number), false); }
  void Boolean(bool value) { Add(BoolGetDatum(value), false); }
  // Microseconds since 1970.
  void Time(std::optional<std::int64_t> time);
  void Add(Datum value, bool is_null);

  Datum Finish(FunctionCallInfo fcinfo) { return RowDatum(fcinfo, values_, nulls_); }
  // Into the result of a function that BeginRows() was called for.
  void Put(FunctionCallInfo fcinfo);

 private:
  static constexpr int kMostColumns = 12;

  Datum values_[kMostColumns];
  bool nulls_[kMostColumns];
  int count_ = 0;
};

// A row of a function that BeginRows() was called for.
void PutRow(FunctionCallInfo fcinfo, Datum* values, bool* nulls);

// A function that returns a set keeps its rows in a tuplestore, which goes to disk beyond work_mem.
void BeginRows(FunctionCallInfo fcinfo);

// What is allocated in its lifetime is freed by Clear(), for rows that are made one after the
// other. It is part of the memory context it was made in; plain data.
class ScratchMemory {
 public:
  ScratchMemory();
  void Enter();
  void Leave();  // and clear

 private:
  MemoryContext own_, outer_;
};

// Builds one jsonb value, from the outside in.
class JsonBuilder {
 public:
  void BeginObject() { Push(WJB_BEGIN_OBJECT, nullptr); }
  void EndObject() { Push(WJB_END_OBJECT, nullptr); }
  void Key(std::string_view utf8);
  void Member(std::string_view name, std::string_view value);

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

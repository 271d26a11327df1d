#include "pg/result.h"

extern "C" {
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
}

namespace neon_s3 {
namespace {

JsonbValue JsonString(std::string_view utf8) {
  const text* value = DatumGetTextPP(TextDatum(utf8));
  JsonbValue json;
  json.type = jbvString;
  json.val.string.val = VARDATA_ANY(value);
  json.val.string.len = static_cast<int>(VARSIZE_ANY_EXHDR(value));
  return json;
}

}  // namespace

Datum TextDatum(std::string_view utf8) {
  const int size = static_cast<int>(utf8.size());
  const char* bytes = pg_any_to_server(utf8.data(), size, PG_UTF8);
  if (bytes == utf8.data()) return PointerGetDatum(cstring_to_text_with_len(bytes, size));
  return CStringGetTextDatum(bytes);
}

Datum UrlDatum(const PresignedUrl& url) {
  const Size size = VARHDRSZ + url.size();
  auto* result = static_cast<text*>(palloc(size));
  SET_VARSIZE(result, size);
  url.CopyTo(VARDATA(result));
  return PointerGetDatum(result);
}

Datum RowDatum(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
  TupleDesc desc;
  if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("function returning record called in context that cannot accept type record")));
  }
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

void JsonBuilder::Key(std::string_view utf8) {
  JsonbValue value = JsonString(utf8);
  Push(WJB_KEY, &value);
}

void JsonBuilder::Member(std::string_view name, std::string_view value) {
  JsonbValue json = JsonString(value);
  Key(name);
  Push(WJB_VALUE, &json);
}

void JsonBuilder::Element(std::string_view utf8) {
  JsonbValue value = JsonString(utf8);
  Push(WJB_ELEM, &value);
}

void JsonBuilder::Element(std::int64_t number) {
  JsonbValue value;
  value.type = jbvNumeric;
  value.val.numeric = int64_to_numeric(number);
  Push(WJB_ELEM, &value);
}

}  // namespace neon_s3

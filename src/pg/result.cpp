#include "pg/result.h"

#include <algorithm>
#include <cstring>

#include "core/encoding.h"
#include "pg/args.h"
#include "pg/boundary.h"

extern "C" {
#include "catalog/namespace.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
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

// Draws for many callers at once: a draw takes OpenSSL longer than its bytes do. What is drawn is
// used once; it belongs to this process alone, since backends are forked from a postmaster that
// draws none.
void DrawRandom(std::uint8_t (&bytes)[16]) {
  static std::uint8_t drawn[64 * sizeof(bytes)];
  static std::size_t used = sizeof(drawn);
  if (used == sizeof(drawn)) {
    if (!pg_strong_random(drawn, sizeof(drawn))) {
      ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not generate random values")));
    }
    used = 0;
  }
  std::memcpy(bytes, drawn + used, sizeof(bytes));
  used += sizeof(bytes);
}

// How many bytes at the start are ASCII.
std::size_t AsciiPrefix(std::string_view utf8) {
  const auto is_other = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  return static_cast<std::size_t>(std::find_if(utf8.begin(), utf8.end(), is_other) - utf8.begin());
}

// For the backend's life.
TupleDesc DescribeResult(FunctionCallInfo fcinfo) {
  TupleDesc desc;
  if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("function returning record called in context that cannot accept type record")));
  }
  MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);
  TupleDesc kept = CreateTupleDescCopy(BlessTupleDesc(desc));
  MemoryContextSwitchTo(context);
  return kept;
}

}  // namespace

Datum TextDatum(std::string_view utf8) {
  AssertOutsideGuard();
  const int size = static_cast<int>(utf8.size());
  const int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) {
    return PointerGetDatum(
        cstring_to_text_with_len(pg_any_to_server(utf8.data(), size, PG_UTF8), size));
  }
  const Conversion conversion = Convert(utf8.data(), utf8.size(), PG_UTF8, encoding);
  if (conversion.converted < utf8.size()) {
    ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                    errmsg("a text has characters that encoding \"%s\" does not have",
                           GetDatabaseEncodingName()),
                    errhint("Use a database with encoding UTF8.")));
  }
  return CStringGetTextDatum(conversion.text);
}

Datum LossyTextDatum(std::string_view utf8) {
  const int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) return TextDatum(utf8);
  // Where there is none, as to MULE_INTERNAL, ASCII is all that can be kept.
  const bool has_conversion = OidIsValid(FindDefaultConversionProc(PG_UTF8, encoding));
  StringInfoData text;
  initStringInfo(&text);
  while (!utf8.empty()) {
    const std::size_t size = has_conversion ? utf8.size() : AsciiPrefix(utf8);
    const Conversion kept = Convert(utf8.data(), size, PG_UTF8, encoding);
    appendStringInfoString(&text, kept.text);
    utf8.remove_prefix(kept.converted);
    if (utf8.empty()) break;
    appendStringInfoChar(&text, '?');
    const int character = pg_utf_mblen(reinterpret_cast<const unsigned char*>(utf8.data()));
    utf8.remove_prefix(std::min(static_cast<std::size_t>(character), utf8.size()));
  }
  return PointerGetDatum(cstring_to_text_with_len(text.data, text.len));
}

Datum ByteaDatum(std::string_view bytes) {
  return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
}

Datum UrlDatum(const PresignedUrl& url) {
  const Size size = VARHDRSZ + url.size();
  auto* result = static_cast<text*>(palloc(size));
  SET_VARSIZE(result, size);
  url.CopyTo(VARDATA(result));
  return PointerGetDatum(result);
}

// Never out of date: CREATE OR REPLACE refuses other OUT arguments, and what DROP makes room for
// gets an OID of its own.
TupleDesc ResultDesc(FunctionCallInfo fcinfo) {
  struct Known {
    Oid function;
    TupleDesc desc;
  };
  static Known known[16];
  const Oid function = fcinfo->flinfo->fn_oid;
  Known& slot = known[function % lengthof(known)];
  if (slot.desc == nullptr || slot.function != function) {
    TupleDesc desc = DescribeResult(fcinfo);
    if (slot.desc != nullptr) FreeTupleDesc(slot.desc);
    slot = {function, desc};
  }
  return slot.desc;
}

Datum RowDatum(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
  return HeapTupleGetDatum(heap_form_tuple(ResultDesc(fcinfo), values, nulls));
}

std::string_view RandomUuid() {
  std::uint8_t bytes[16];
  DrawRandom(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;  // version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80;  // variant of RFC 9562
  auto* const uuid = static_cast<char*>(palloc(36));
  char* end = uuid;
  const std::uint8_t* next = bytes;
  for (const int size : {4, 2, 2, 2, 6}) {
    if (next != bytes) *end++ = '-';
    PutHex(next, size, end);
    end += 2 * size;
    next += size;
  }
  return {uuid, 36};
}

Datum JsonbDatum(std::string_view json) {
  return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(TextDatum(json))));
}

void Row::Add(Datum value, bool is_null) {
  Assert(count_ < kMostColumns);
  values_[count_] = value;
  nulls_[count_] = is_null;
  ++count_;
}

void Row::Time(std::optional<std::int64_t> time) {
  constexpr std::int64_t kEpochDifference =
      static_cast<std::int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
  time ? Add(TimestampTzGetDatum(*time - kEpochDifference), false) : Null();
}

void Row::Put(FunctionCallInfo fcinfo) { PutRow(fcinfo, values_, nulls_); }

void PutRow(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
  const auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void BeginRows(FunctionCallInfo fcinfo) { InitMaterializedSRF(fcinfo, 0); }

ScratchMemory::ScratchMemory()
    : own_(AllocSetContextCreate(CurrentMemoryContext, "neon_s3 rows", ALLOCSET_DEFAULT_SIZES)) {}

void ScratchMemory::Enter() { outer_ = MemoryContextSwitchTo(own_); }

void ScratchMemory::Leave() {
  MemoryContextSwitchTo(outer_);
  MemoryContextReset(own_);
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

}  // namespace neon_s3

#include "pg/args.h"

#include <algorithm>
#include <cstring>

#include "core/presign.h"
#include "pg/boundary.h"
#include "pg/settings.h"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

bool IsAscii(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string_view Utf8OfString(const JsonbValue& value) {
  return ToUtf8(value.val.string.val, static_cast<std::size_t>(value.val.string.len));
}

[[noreturn]] void RefuseFields(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("%s must be a JSON object of strings", name),
                  errhint("Write it as in {\"partNumber\": \"1\"}.")));
  pg_unreachable();
}

// A number or a truth value, as it stands in JSON; null for other values.
const char* PlainText(const JsonbValue& value) {
  if (value.type == jbvBool) return value.val.boolean ? "true" : "false";
  if (value.type != jbvNumeric) return nullptr;
  return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
}

[[noreturn]] void RefuseField(const char* name, const JsonbValue& key, const JsonbValue& value) {
  const char* member = pnstrdup(key.val.string.val, key.val.string.len);
  const char* text = PlainText(value);
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("value of \"%s\" in %s is not a string", member, name),
                  text ? errhint("Write it as a string: {\"%s\": \"%s\"}.", member, text)
                       : errhint("Every value must be a string.")));
  pg_unreachable();
}

[[noreturn]] void RefuseExpiry(Interval* interval, const char* reason, const char* hint) {
  const char* text =
      DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("expires_in \"%s\" %s", text, reason), errhint("%s", hint)));
  pg_unreachable();
}

// Microseconds; a month has 30 days, as in EXTRACT(epoch ...).
__int128 ToMicroseconds(const Interval& interval) {
  const __int128 days = static_cast<__int128>(interval.month) * DAYS_PER_MONTH + interval.day;
  return days * USECS_PER_DAY + interval.time;
}

std::int64_t CheckedExpiry(Interval* interval) {
  const __int128 micros = ToMicroseconds(*interval);
  if (micros < kMinExpiry * USECS_PER_SEC || micros > kMaxExpiry * USECS_PER_SEC) {
    RefuseExpiry(interval, "is out of range", "A presigned URL is good for 1 second to 7 days.");
  }
  if (micros % USECS_PER_SEC != 0) {
    RefuseExpiry(interval, "has a fraction of a second",
                 "Signature Version 4 counts in whole seconds.");
  }
  const auto seconds = static_cast<std::int64_t>(micros / USECS_PER_SEC);
  if (seconds > CurrentSettings().max_expires_in && !superuser()) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("expires_in of %lld seconds is more than neon_s3.max_expires_in",
                           static_cast<long long>(seconds)),
                    errdetail("The ceiling for roles without superuser is %d seconds.",
                              CurrentSettings().max_expires_in),
                    errhint("Ask for less, or leave expires_in out.")));
  }
  return seconds;
}

// A URL of tomorrow is good for as long as one of today, but later.
void CheckEnd(TimestampTz signed_at, std::int64_t expires_in) {
  const int ceiling = CurrentSettings().max_expires_in;
  const std::int64_t end = ToUnixSeconds(signed_at) + expires_in;
  const auto is_soon = [&](TimestampTz now) { return end <= ToUnixSeconds(now) + ceiling; };
  // The statement's start is near enough for nearly all, and takes no look at the clock.
  if (is_soon(GetCurrentStatementStartTimestamp()) || is_soon(GetCurrentTimestamp())) return;
  if (superuser()) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
       errmsg("signed_at \"%s\" makes a URL that ends later than neon_s3.max_expires_in from now",
              timestamptz_to_str(signed_at)),
       errdetail("The ceiling for roles without superuser is %d seconds.", ceiling),
       errhint("Use an earlier signed_at, or a shorter expires_in.")));
}

std::int64_t DefaultExpiry() {
  const Settings& settings = CurrentSettings();
  const bool capped = settings.expires_in > settings.max_expires_in && !superuser();
  return capped ? settings.max_expires_in : settings.expires_in;
}

}  // namespace

Conversion Convert(const char* bytes, std::size_t size, int from, int to) {
  AssertOutsideGuard();
  if (IsAscii({bytes, size})) return {pnstrdup(bytes, size), size};  // in every encoding
  const Oid conversion = FindDefaultConversionProc(from, to);
  if (!OidIsValid(conversion)) {
    ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                    errmsg("PostgreSQL has no conversion between encodings \"%s\" and \"%s\"",
                           pg_encoding_to_char(from), pg_encoding_to_char(to))));
  }
  const int length = static_cast<int>(size);
  const int capacity = static_cast<int>(Min(size * MAX_CONVERSION_GROWTH + 1, MaxAllocSize));
  auto* text = static_cast<unsigned char*>(palloc(capacity));
  const int converted = pg_do_encoding_conversion_buf(
      conversion, from, to, reinterpret_cast<unsigned char*>(const_cast<char*>(bytes)), length,
      text, capacity, true);
  return {reinterpret_cast<char*>(text), static_cast<std::size_t>(converted)};
}

std::string_view ToUtf8(const char* bytes, std::size_t size) {
  const int encoding = GetDatabaseEncoding();
  const int length = static_cast<int>(size);
  if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) {
    return {pg_server_to_any(bytes, length, PG_UTF8), size};  // checked at most
  }
  // Not pg_server_to_any(): its 22P05 for characters that Unicode does not have is not in the
  // contract.
  const Conversion utf8 = Convert(bytes, size, encoding, PG_UTF8);
  const int done = static_cast<int>(utf8.converted);
  if (done < length) report_invalid_encoding(encoding, bytes + done, length - done);
  return {utf8.text, std::strlen(utf8.text)};
}

OptionalText ArgReader::Text() {
  const OptionalText text = Bytes();
  if (!text) return std::nullopt;
  return ToUtf8(text->data(), text->size());
}

OptionalText ArgReader::ServerText() { return Bytes(); }

OptionalText ArgReader::Bytes() {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return std::nullopt;
  const auto* value = DatumGetByteaPP(fcinfo_->args[n].value);
  return std::string_view(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

std::optional<std::int64_t> ArgReader::BigInt() {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return std::nullopt;
  return DatumGetInt64(fcinfo_->args[n].value);
}

std::optional<std::int64_t> ArgReader::NonNegative(const char* name) {
  const std::optional<std::int64_t> number = BigInt();
  if (number && *number < 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s %lld is negative", name, static_cast<long long>(*number))));
  }
  return number;
}

std::optional<std::int32_t> ArgReader::Integer() {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return std::nullopt;
  return DatumGetInt32(fcinfo_->args[n].value);
}

bool ArgReader::Boolean(bool if_null) {
  const int n = Next();
  return fcinfo_->args[n].isnull ? if_null : DatumGetBool(fcinfo_->args[n].value);
}

Jsonb* ArgReader::Json() {
  const int n = Next();
  return fcinfo_->args[n].isnull ? nullptr : DatumGetJsonbP(fcinfo_->args[n].value);
}

std::optional<Oid> ArgReader::ObjectId() {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return std::nullopt;
  return DatumGetObjectId(fcinfo_->args[n].value);
}

TextArgs ArgReader::Array(const char* name, Oid element) {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return {true};
  Datum* values;
  bool* nulls;
  int count;
  deconstruct_array(DatumGetArrayTypeP(fcinfo_->args[n].value), element, -1, false, TYPALIGN_INT,
                    &values, &nulls, &count);
  auto* texts = static_cast<std::string_view*>(
      MemoryContextAllocHuge(CurrentMemoryContext, (count + 1) * sizeof(std::string_view)));
  for (int i = 0; i < count; ++i) {
    if (nulls[i]) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("%s must not contain nulls", name)));
    }
    const auto* value = DatumGetByteaPP(values[i]);
    const char* bytes = VARDATA_ANY(value);
    const std::size_t size = VARSIZE_ANY_EXHDR(value);
    texts[i] = element == TEXTOID ? ToUtf8(bytes, size) : std::string_view(bytes, size);
  }
  return {false, texts, static_cast<std::size_t>(count)};
}

TextArgs ArgReader::Texts(const char* name) { return Array(name, TEXTOID); }

TextArgs ArgReader::Bodies(const char* name) { return Array(name, BYTEAOID); }

OptionalText ArgReader::JsonText() {
  Jsonb* json = Json();
  if (json == nullptr) return std::nullopt;
  const char* text = JsonbToCString(nullptr, &json->root, VARSIZE(json));
  return ToUtf8(text, std::strlen(text));
}

FieldArgs ArgReader::Fields(const char* name) {
  Jsonb* object = Json();
  if (object == nullptr) return {};
  if (!JB_ROOT_IS_OBJECT(object)) RefuseFields(name);

  auto* fields = static_cast<FieldArg*>(palloc((JB_ROOT_COUNT(object) + 1) * sizeof(FieldArg)));
  int count = 0;
  JsonbValue value;
  JsonbIterator* iterator = JsonbIteratorInit(&object->root);
  JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
  while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY) {
    const JsonbValue key = value;
    token = JsonbIteratorNext(&iterator, &value, true);
    if (token != WJB_VALUE || value.type != jbvString) RefuseField(name, key, value);
    fields[count++] = {Utf8OfString(key), Utf8OfString(value)};
  }
  return {fields, count};
}

std::int64_t ArgReader::ExpiresIn() {
  const int n = Next();
  expires_in_ = fcinfo_->args[n].isnull ? DefaultExpiry()
                                        : CheckedExpiry(DatumGetIntervalP(fcinfo_->args[n].value));
  return expires_in_;
}

TimestampTz ArgReader::SignedAt() {
  const int n = Next();
  if (fcinfo_->args[n].isnull) return GetCurrentTimestamp();
  const TimestampTz time = DatumGetTimestampTz(fcinfo_->args[n].value);
  if (TIMESTAMP_NOT_FINITE(time)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("signed_at must be finite")));
  }
  CheckEnd(time, expires_in_);
  return time;
}

std::int64_t ToUnixSeconds(TimestampTz time) {
  constexpr std::int64_t kEpochDifference =
      static_cast<std::int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
  std::int64_t seconds = time / USECS_PER_SEC;
  if (time % USECS_PER_SEC < 0) --seconds;
  return seconds + kEpochDifference;
}

}  // namespace neon_s3

#include "pg/new_upload.h"
#include "pg/resolve_target.h"

#include "core/upload_limits.h"
#include "pg/boundary.h"
#include "pg/files_guard.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
}

namespace neon_s3 {
namespace {

void CheckContentType(const GovernedTable& table, const OptionalText& content_type) {
  if (table.content_types == nullptr) return;
  Datum* patterns;
  bool* nulls;
  int count;
  deconstruct_array(table.content_types, TEXTOID, -1, false, TYPALIGN_INT, &patterns, &nulls,
                    &count);
  bool matches = false;
  for (int i = 0; content_type && i < count; ++i) {
    const std::string_view pattern = Utf8(DatumGetTextPP(patterns[i]));
    Guard([&] { matches = matches || MatchesType(*content_type, pattern); });
  }
  if (!matches) Guard([&] { RefuseType(content_type); });
}

// What InsertFile() returns.
TupleDesc FileDesc() {
  static TupleDesc desc = nullptr;
  if (desc != nullptr) return desc;
  TupleDesc made = CreateTemplateTupleDesc(5);
  TupleDescInitEntry(made, 1, "id", INT8OID, -1, 0);
  TupleDescInitEntry(made, 2, "object_key", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 3, "file_url", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 4, "user_id", TEXTOID, -1, 0);
  TupleDescInitEntry(made, 5, "upload_timestamp", TIMESTAMPTZOID, -1, 0);
  BlessTupleDesc(made);
  MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
  desc = CreateTupleDescCopy(made);
  MemoryContextSwitchTo(caller);
  return desc;
}

// The guard lets this very row pass.
Datum InsertExpected(Oid table, const NewFile& file) {
  volatile Datum row = 0;
  const ExpectedInsert before = ExpectInsert({table, file.object_key});
  PG_TRY();
  { row = InsertFile(table, file, FileDesc()); }
  PG_FINALLY();
  { ExpectInsert(before); }
  PG_END_TRY();
  return row;
}

}  // namespace

std::string_view Utf8(const text* value) {
  return ToUtf8(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

text* TextArg(FunctionCallInfo fcinfo, int n) {
  return PG_ARGISNULL(n) ? nullptr : PG_GETARG_TEXT_PP(n);
}

Target OwnersTarget(Oid owner, const text* bucket, const text* server_name) {
  const std::string_view server =
      server_name == nullptr
          ? std::string_view()
          : std::string_view(VARDATA_ANY(server_name), VARSIZE_ANY_EXHDR(server_name));
  const SavedRole saved = BecomeRole(owner);
  const Target target = ResolveTarget(Utf8(bucket), OptionalText(server));
  RestoreRole(saved);
  return target;
}

void CheckLimits(const Extension& extension, const GovernedTable& table,
                 const UploadConstraints& constraints) {
  if (table.max_size >= 0) {
    Guard([&] { CheckMaxSize(table.max_size, constraints.content_length); });
  }
  CheckContentType(table, constraints.content_type);
  if (constraints.overwrite && !IsTrusted(extension, GetUserId())) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to begin an upload with overwrite => true"),
                    errhint("Only roles that may execute s3_presign_get may.")));
  }
}

InsertedId InsertUpload(const GovernedTable& table, const NewFile& file) {
  const Datum row = InsertExpected(table.relation, file);
  if (row == 0) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a trigger of the files table skipped the row of the upload")));
  }
  HeapTupleHeader header = DatumGetHeapTupleHeader(row);
  InsertedId id;
  bool is_null;
  const Datum key = GetAttributeByNum(header, 2, &is_null);
  if (is_null || Utf8(DatumGetTextPP(key)) != Utf8(file.object_key)) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a trigger of the files table changed the key of the upload")));
  }
  id.value = GetAttributeByNum(header, 1, &id.is_null);
  return id;
}

}  // namespace neon_s3

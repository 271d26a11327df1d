// s3_import_table: an object into a table, by PostgreSQL's own COPY FROM.
#include "net/ranged_read.h"
#include "pg/compat.h"
#include "pg/copy_options.h"
#include "pg/governed.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

extern "C" {
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/copy.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- the object

struct Input {
  explicit Input(Compression kind) : decompressor(kind) {}

  // Less than `least` bytes only at the end.
  std::size_t Read(S3Client& s3, char* out, std::size_t least, std::size_t most) {
    std::size_t done = 0;
    while (done < least) {
      std::string_view in = read.Peek(s3);
      const std::size_t before = in.size();
      const std::size_t count = decompressor.Read(&in, out + done, most - done);
      read.Consume(before - in.size());
      done += count;
      if (before > 0 || count > 0) continue;
      decompressor.CheckEnd();
      break;
    }
    return done;
  }

  RangedRead read;
  Decompressor decompressor;
};

// Plain data.
struct Source {
  S3Call* call;
  Input* input;
};

Source* current = nullptr;  // COPY gives its callback no argument

int ReadSource(void* out, int least, int most) {
  const Source source = *current;
  std::size_t done;
  source.call->Run([&](S3Client& s3) {
    done = source.input->Read(s3, static_cast<char*>(out), static_cast<std::size_t>(least),
                              static_cast<std::size_t>(most));
  });
  const RangedRead& read = source.input->read;
  source.call->ShowItems(static_cast<std::int64_t>(read.parts_done()),
                         static_cast<std::int64_t>(read.part_count()));
  return static_cast<int>(done);
}

// COPY may stop before: what a checksum at the end says counts all the same.
void ReadToTheEnd() {
  char rest[8192];
  while (ReadSource(rest, 1, sizeof rest) > 0) CHECK_FOR_INTERRUPTS();
}

// ---------------------------------------------------------------- the table

List* ColumnNames(const TextArgs& columns) {
  List* names = NIL;
  for (const std::string_view column : columns) {
    const char* name = ServerText(pnstrdup(column.data(), column.size()));
    names = lappend(names, makeString(const_cast<char*>(name)));
  }
  if (!columns.is_null && names == NIL) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("columns is empty"),
                    errhint("Leave it out for all columns.")));
  }
  return names;
}

Relation OpenTable(Oid oid) {
  Relation table = try_table_open(oid, RowExclusiveLock);
  if (table == nullptr) RefuseMissing(oid);
  return table;
}

// The rest of what the command COPY FROM asks of its caller.
void RequireInsert(ParseState* state, Relation table, List* names) {
  ParseNamespaceItem* item =
      addRangeTableEntryForRelation(state, table, RowExclusiveLock, nullptr, false, false);
  Bitmapset* columns = nullptr;
  ListCell* cell;
  foreach (cell, CopyGetAttnums(RelationGetDescr(table), table, names)) {
    columns = bms_add_member(columns, lfirst_int(cell) - FirstLowInvalidHeapAttributeNumber);
  }
  CheckInsertPermission(state, item, columns);
  if (check_enable_rls(RelationGetRelid(table), InvalidOid, false) == RLS_ENABLED) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot import into table \"%s\", whose row-level security holds for "
                           "the caller",
                           RelationGetRelationName(table)),
                    errhint("Import into a table of the caller's own, and use INSERT.")));
  }
}

std::uint64_t Copy(ParseState* state, Relation table, List* names, List* options, Source* source) {
  Source* const outer = current;
  volatile std::uint64_t rows = 0;
  PG_TRY();
  {
    current = source;
    CopyFromState copy =
        BeginCopyFrom(state, table, nullptr, nullptr, false, ReadSource, names, options);
    rows = CopyFrom(copy);
    EndCopyFrom(copy);
    ReadToTheEnd();
  }
  PG_FINALLY();
  { current = outer; }
  PG_END_TRY();
  return rows;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_import_table);
Datum neon_s3_import_table(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const Oid oid = *args.ObjectId();
  const OptionalText key = args.Text();
  const OptionalText format = args.ServerText();
  List* names = ColumnNames(args.Texts("columns"));
  const CopyOptions copy = ReadCopyOptions(format, args.Json(), *key);
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kImportTable, key, target);
  Relation table = OpenTable(oid);
  ParseState* state = make_parsestate(nullptr);
  RequireInsert(state, table, names);
  auto& input = Owned<Input>(copy.compression);
  call.Run([&](S3Client& s3) {
    input.read.Begin(s3, call.bucket(), *key, MakeLimits().max_response_size);
  });
  if (input.read.size()) call.ShowBytesTotal(*input.read.size());
  Source source = {&call, &input};
  const std::uint64_t rows = Copy(state, table, names, copy.options, &source);
  table_close(table, NoLock);
  free_parsestate(state);
  call.Finish();
  PG_RETURN_INT64(static_cast<std::int64_t>(rows));
}

}  // namespace neon_s3

// Governed tables: the record of s3_track_files(), and whether it still holds. Postgres side.
#pragma once

#include "pg/own_tables.h"

namespace neon_s3 {

// Why a table is not governed.
enum class Ungoverned {
  kNo,  // it is
  kNoRecord,
  kKind,
  kInheritance,
  kTriggers,
  kOwner,
};

// A record, in the memory context that was current when it was found. Texts are in the server's
// encoding.
struct GovernedTable {
  Oid relation;  // of the record: the partitioned table where a partition was asked for
  int32 id;
  Oid owner;  // now
  text* bucket;
  text* server;  // null: the settings
  text* key_prefix;
  int64 max_size;            // negative: no limit
  ArrayType* content_types;  // null: no limit
  Ungoverned why_not;
};

// The record of a table, or of the partitioned table that it is a partition of at any depth.
// Records and triggers are cached in the backend until anything in the relation cache is
// invalidated; a change of the records' table invalidates the table that is concerned. The owner's
// rights are looked up each time.
GovernedTable FindGoverned(const Extension& extension, Oid relation);

// 55000 where the table itself (not a table above it) is not governed, 42P01 where there is none.
GovernedTable RequireGoverned(const Extension& extension, Oid relation);
// Raise those.
[[noreturn]] void RefuseUngoverned(Oid relation, Ungoverned why_not);
[[noreturn]] void RefuseMissing(Oid relation);

// What s3_track_files() creates; `type` as in pg_trigger.
struct FilesTrigger {
  const char* name;
  const char* function;
  int16 type;
  const char* definition;  // of CREATE TRIGGER, between its name and EXECUTE; %s is the table
};
constexpr int kFilesTriggers = 4;
const FilesTrigger* FilesTriggers(bool is_partitioned);

// The column "object_key". 55000 where there is none, or where it is not a text.
AttrNumber KeyColumn(TupleDesc table);

}  // namespace neon_s3

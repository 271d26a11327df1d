// What s3_begin_upload and s3_begin_multipart_upload do alike. Postgres side.
#pragma once

#include "core/upload_headers.h"
#include "pg/files_table.h"
#include "pg/governed.h"
#include "pg/target.h"

namespace neon_s3 {

std::string_view Utf8(const text* value);

// Null where the argument is.
text* TextArg(FunctionCallInfo fcinfo, int n);

// With the mapping of the table's owner, else PUBLIC's, whoever calls. `server` null: the settings.
Target OwnersTarget(Oid owner, const text* bucket, const text* server);

// 22023 for what exceeds the table's limits; 42501 for overwriting, unless the caller is trusted.
void CheckLimits(const Extension& extension, const GovernedTable& table,
                 const UploadConstraints& constraints);

// The column "id", null unless it is an integer that the caller may read.
struct InsertedId {
  Datum value;
  bool is_null;
};

// Inserts the row with the caller's rights, past the guard. 42501 where a trigger skips it or
// changes its key.
InsertedId InsertUpload(const GovernedTable& table, const NewFile& file);

}  // namespace neon_s3

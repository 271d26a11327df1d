// The files table: neon_s3.files_table along the search_path, written with the caller's rights.
// Postgres side.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "access/tupdesc.h"
#include "storage/lockdefs.h"
#include "utils/jsonb.h"
}

namespace neon_s3 {

// The table, locked so that it stays what it is. 42P01 where there is none.
Oid LockFilesTable(LOCKMODE mode);

// Whether s3_confirm_upload() measures the column, so that nobody else sets it.
bool IsMeasuredColumn(const char* name);

// Texts are in the server's encoding; 0 stands for NULL.
struct NewFile {
  text* object_key;
  text* file_url;
  text* user_id;
  text* content_type;
  const int64* size;
  Jsonb* columns;  // more of them: an object of column name -> value
};

// Inserts the file's row. Texts are read as the columns' types read them, the size is cast as an
// assignment does it. content_type and size go only where the table has such columns that are not
// generated, and where they are given. Further columns are read as jsonb_populate_record() does;
// 22023 where they are not an object, or name the key, what identifies the file or is measured;
// 42703 for a column that does not exist.
//
// Returns a row of `result` (id, object_key, file_url, user_id, upload_timestamp) in the caller's
// memory: what is in the table, or what was given and NULL in columns that the caller may not read
// or that are not there; also as id where that is not an integer. 0 where a trigger skipped the
// row.
//
// All other errors are those of the INSERT.
Datum InsertFile(Oid table, const NewFile& file, TupleDesc result);

}  // namespace neon_s3

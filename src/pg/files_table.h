// The files table: neon_s3.files_table along the search_path, written with the caller's rights.
// Postgres side.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "access/tupdesc.h"
}

namespace neon_s3 {

// Texts are in the server's encoding; 0 stands for NULL.
struct NewFile {
  text* object_key;
  text* file_url;
  text* user_id;
  text* content_type;
  const int64* size;
};

// Inserts the file's row. Texts are read as the columns' types read them, the size is cast as an
// assignment does it. content_type and size go only where the table has such columns that are not
// generated, and where they are given.
//
// Returns a row of `result` (id, object_key, file_url, user_id, upload_timestamp) in the caller's
// memory: what is in the table, or what was given and NULL in columns that the caller may not read
// or that are not there; also as id where that is not an integer. 0 where a trigger skipped the
// row.
//
// 42P01 where there is no table; all other errors are those of the INSERT.
Datum InsertFile(const NewFile& file, TupleDesc result);

}  // namespace neon_s3

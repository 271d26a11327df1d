// What row-level security lets the caller do to a file's row. Postgres side, within SPI_connect().
#pragma once

#include "pg/pg.h"

namespace neon_s3 {

// The table is locked already. With the caller's rights; all errors are those of the statement.
bool SelectsRow(Oid table, const text* key);
// FOR NO KEY UPDATE.
bool LocksRow(Oid table, const text* key);
bool DeletesRow(Oid table, const text* key);

// 42501: the same for a row that does not exist and for one that the caller may not see.
[[noreturn]] void RefuseRow(const text* key);

}  // namespace neon_s3

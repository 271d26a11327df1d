// How the insert guard knows the extension's own INSERT. Postgres side.
#pragma once

#include "pg/pg.h"

namespace neon_s3 {

// The first row with this key that the current statement, or one that it runs, inserts into the
// table passes the guard, whoever inserts it.
struct ExpectedInsert {
  Oid table;  // 0: none is expected
  const text* key;
};

// Returns the one before, which is to be expected again afterwards, also after an ERROR.
ExpectedInsert ExpectInsert(const ExpectedInsert& insert);

}  // namespace neon_s3

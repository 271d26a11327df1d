// The extension as this database has it, and statements on its own tables. Postgres side.
#pragma once

#include <cstddef>

#include "pg/pg.h"

extern "C" {
#include "executor/spi.h"
#include "utils/snapshot.h"
}

namespace neon_s3 {

struct Extension {
  Oid schema;
  Oid owner;
};

// `function`: one of the extension's, such as fcinfo->flinfo->fn_oid.
Extension FindExtension(Oid function);

// Whether the role may execute s3_presign_get.
bool IsTrusted(const Extension& extension, Oid role);

// A table or an index of the extension's.
Oid OwnRelation(const Extension& extension, const char* name);

struct SavedRole {
  Oid role;
  int context;
};

// Until RestoreRole(), or until an ERROR: statements run as `role`, which SQL cannot change
// meanwhile.
SavedRole BecomeRole(Oid role);
// The same for a table's owner, in PostgreSQL's way of running a foreign key's triggers: row-level
// security that is not forced on the owner does not apply.
SavedRole BecomeOwner(Oid owner);
void RestoreRole(const SavedRole& saved);

// A statement on the extension's own tables, prepared once in a backend. "@." in its text becomes
// the extension's schema; every other name in it must be qualified, operators too. Its plan is kept
// until the extension is found in another schema; all other changes are PostgreSQL's plan cache's
// matter.
class OwnStatement {
 public:
  static constexpr int kMaxParameters = 16;

  explicit constexpr OwnStatement(const char* text) noexcept : text_(text), count_(0) {}
  template <std::size_t kCount>
  constexpr OwnStatement(const char* text, const Oid (&types)[kCount]) noexcept
      : text_(text), count_(kCount) {
    static_assert(kCount <= kMaxParameters);
    for (std::size_t i = 0; i < kCount; ++i) types_[i] = types[i];
  }

  // Within SPI_connect(), as the extension's owner. `nulls` as SPI takes them, or null. Returns the
  // number of rows; SPI_tuptable has them.
  uint64 Execute(const Extension& extension, Datum* values, const char* nulls = nullptr);
  // The same; the statement sees all that is committed now, whatever the transaction's snapshot.
  uint64 ExecuteLatest(const Extension& extension, Datum* values, const char* nulls = nullptr);

 private:
  uint64 Run(const Extension& extension, Datum* values, const char* nulls, Snapshot snapshot);
  void Prepare(const Extension& extension);

  const char* text_;
  Oid types_[kMaxParameters] = {};
  int count_;
  SPIPlanPtr plan_ = nullptr;
  Oid schema_ = InvalidOid;
};

}  // namespace neon_s3

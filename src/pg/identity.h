// The fence: which database owns the lifecycle of its objects (docs/lifecycle.md). Postgres side.
#pragma once

#include "pg/own_tables.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

// Texts are in the server's encoding.
struct Identity {
  const char* system_identifier;
  int64 database;
  const char* instance;
};

// This database's.
Identity OwnIdentity();

// What s3_arm_lifecycle() recorded last. In the current memory context.
struct Armed {
  bool is_armed;  // else nothing here holds
  bool as_branch;
  Identity identity;
  TimestampTz armed_at;
};

// With a snapshot of this moment.
Armed ReadArmed(const Extension& extension);

// Whether the identity that was armed is this database's.
bool IsHere(const Armed& armed);

// 55000 with a HINT where this database is fenced.
Armed RequireArmed(const Extension& extension);

}  // namespace neon_s3

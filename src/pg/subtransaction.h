// Statements that may fail without ending the transaction. Postgres side.
#pragma once

#include <type_traits>

#include "pg/pg.h"

extern "C" {
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace neon_s3 {

// Runs `body` in a subtransaction. False where it raised an ERROR, other than of a cancelled query:
// what it did is undone then, and `message` is in the current memory context.
template <typename Body>
bool TryInSubtransaction(const Body& body, const char** message) {
  static_assert(std::is_trivially_destructible_v<Body>, "capture by reference, or plain data");
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  ErrorData* volatile error = nullptr;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    body();
    ReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
  }
  PG_END_TRY();
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  if (error == nullptr) return true;
  if (error->sqlerrcode == ERRCODE_QUERY_CANCELED) ReThrowError(error);
  *message = error->message;
  return false;
}

}  // namespace neon_s3

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

// An ERROR that was raised; the message is in the memory context that was current.
struct SubtransactionError {
  int sqlerrcode;
  const char* message;
};

// Runs `body` in a subtransaction. False where it raised an ERROR, other than of a cancelled query:
// what it did is undone then.
template <typename Body>
bool TryInSubtransaction(const Body& body, SubtransactionError* raised) {
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
  *raised = {error->sqlerrcode, error->message};
  return false;
}

}  // namespace neon_s3

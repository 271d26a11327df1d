#include "pg/worker_transaction.h"

#include "pg/pg.h"

extern "C" {
#include "access/xact.h"
#include "executor/spi.h"
}

namespace neon_s3 {

void EnterTransaction() {
  MemoryContext context = CurrentMemoryContext;
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  XactIsoLevel = XACT_READ_COMMITTED;
  SPI_connect();
  MemoryContextSwitchTo(context);
}

void LeaveTransaction() {
  MemoryContext context = CurrentMemoryContext;
  SPI_finish();
  CommitTransactionCommand();
  MemoryContextSwitchTo(context);
}

}  // namespace neon_s3

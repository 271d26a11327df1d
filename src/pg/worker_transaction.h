// Transactions of the worker's own, which it is outside of while it asks S3. Postgres side.
#pragma once

namespace neon_s3 {

// Begins one, READ COMMITTED, within SPI_connect(). The memory context stays the current one.
void EnterTransaction();
// Commits it. What was allocated since then remains.
void LeaveTransaction();

}  // namespace neon_s3

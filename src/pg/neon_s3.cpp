// Module magic and load time. No library is started here: the postmaster may be the one who loads.
#include "pg/compat.h"
#include "pg/fn_server.h"
#include "pg/guc.h"
#include "pg/pg.h"
#include "pg/worker.h"

extern "C" {
#pragma GCC visibility push(default)
NEON_S3_MODULE_MAGIC(NEON_S3_VERSION);
void _PG_init(void);
#pragma GCC visibility pop
}

void _PG_init(void) {
  neon_s3::DefineSettings();
  neon_s3::WatchServers();
  neon_s3::RegisterWorker();
}

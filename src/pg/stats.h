// What the backends did and are doing: s3_stats and s3_progress. Either side: nothing here raises
// an ERROR or throws.
//
// The numbers are in a file below pg_stat_tmp that every backend maps, and where each writes to its
// own slot only. PostgreSQL's shared memory would need shared_preload_libraries before version 17,
// and two more ways to get at it; a file works in every server as it is. A file belongs to one run
// of one server and to one layout: it is complete before it gets its name, and never changes its
// size. Where there can't be one, a backend counts for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pg/operation.h"
#include "pg/pg.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace neon_s3 {

struct Counters {
  std::int64_t calls = 0, errors = 0;
  std::int64_t requests = 0, retries = 0;
  std::int64_t bytes_sent = 0, bytes_received = 0;
  std::int64_t microseconds = 0;
};

// Adds to this backend's numbers.
void Count(Operation operation, const Counters& more);
void CountPresigned(Operation operation);

// All backends' since the last reset, or the server's start: kOperationCount of them.
void SumCounters(Counters* sums);
void ResetCounters();

// What this backend does shows from Begin to End; `key` in UTF-8.
void BeginProgress(Operation operation, std::string_view key, TimestampTz started_at);
void EndProgress();
// Negative: not known.
void SetItems(std::int64_t done, std::int64_t total);
void SetBytesTotal(std::int64_t total);
void SetBytesDone(std::int64_t done);

struct Progress {
  std::int32_t pid;
  Operation operation;
  std::int64_t items_done, items_total, bytes_done, bytes_total;  // negative: not known
  TimestampTz started_at;
  std::size_t key_size;
  char key[1024];  // UTF-8, cut at a character
};
std::size_t SlotCount();
// False if that slot's backend does nothing.
bool ReadProgress(std::size_t slot, Progress* progress);

}  // namespace neon_s3

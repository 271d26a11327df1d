// PostgreSQL's own COPY TO, with its output going elsewhere than to the client. Postgres side.
//
// COPY writes to the client, to a file or to a program; only from version 16 on can C code name
// another place, and then without the checks and hooks of the command. So this runs COPY (query) TO
// STDOUT as a command, and takes the messages that it sends to the client: PostgreSQL's switch for
// where messages go (PqCommMethods), which its parallel workers use for the same, works in every
// version. Other messages of that time, notices above all, go to the client as they would without.
// The switch is back before an error of the query gets to the client, or to who catches it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pg/pg.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace neon_s3 {

struct CopySink {
  void (*take)(void* context, const char* bytes, std::size_t size);  // may raise an ERROR
  void* context;
};

// Runs the query with the caller's rights, as a command of its own; how many rows there were.
// `query` is one statement that COPY takes (22023 else): it is parsed by itself, so that nothing in
// it can be more than the query.
std::uint64_t CopyQueryTo(const char* query, List* options, const CopySink& sink);

}  // namespace neon_s3

// The arguments `format` and `options` of what moves data: COPY's options as jsonb. Postgres side.
#pragma once

#include <string_view>

#include "core/compression.h"
#include "pg/args.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace neon_s3 {

struct CopyOptions {
  List* options;  // DefElems, as COPY's grammar makes them, `format` among them
  const char* format;
  Compression compression;
};

// `json`, which may be null, is an object: "compression" is ours, all else is COPY's to judge.
// Where it says nothing of the compression, the end of `key` does. 22023 for what COPY could not
// even be asked.
CopyOptions ReadCopyOptions(const OptionalText& format, Jsonb* json, std::string_view key);

}  // namespace neon_s3

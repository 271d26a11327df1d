// What the functions that copy objects have in common.
#pragma once

#include "core/copy_request.h"
#include "pg/args.h"
#include "pg/s3_call.h"

namespace neon_s3 {

// Postgres side: copies within the call's server, into its bucket; from there, too, where
// `source_bucket` is null. A copy in parts that fails is aborted.
struct CopyArgs {
  OptionalText source_bucket, source_key, source_version, key;
  FieldArgs headers;
};
void Copy(S3Call& call, const CopyArgs& args, WrittenObject* written);

}  // namespace neon_s3

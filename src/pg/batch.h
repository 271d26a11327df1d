// What the functions of many keys have in common.
#pragma once

#include <cstddef>

#include "net/batch_delete.h"
#include "net/in_order.h"
#include "pg/args.h"
#include "pg/s3_call.h"

namespace neon_s3 {

constexpr Window kBatchWindow{256};

void ShowKeys(const S3Call& call, std::size_t done, const TextArgs& keys);

}  // namespace neon_s3

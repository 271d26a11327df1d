// What the functions of many keys have in common.
#pragma once

#include <cstddef>
#include <string>

#include "core/s3_response.h"
#include "pg/args.h"
#include "pg/in_order.h"
#include "pg/s3_call.h"

namespace neon_s3 {

constexpr Window kBatchWindow{256};

// C++ side: throws what concerns all keys. What concerns one key is told in its row.
void RaiseIfCommon(const S3Error& error);

// S3's code, for a column; "Failed" if it gave none.
std::string CodeOf(const S3Error& error);

void ShowKeys(const S3Call& call, std::size_t done, const TextArgs& keys);

}  // namespace neon_s3

// Counts what operator new gives out.
#pragma once

namespace neon_s3::test {

long AllocationCount();

}  // namespace neon_s3::test

// The parts of a multipart upload, as SQL names them.
#pragma once

#include <string_view>
#include <vector>

#include "core/s3_request.h"

namespace neon_s3 {

// [{"part_number": 1, "etag": "…"}, …], or AWS's {"PartNumber": 1, "ETag": "…"}; in any order,
// which comes out ascending. Checksums, as SDKs collect them ("ChecksumCRC32": "…"), are kept; what
// else a listing of parts has (size, last_modified) is passed over. kBadArgument for any other
// member, for no part at all, for a number that is not 1 to 10000 or comes twice, and for an empty
// etag.
std::vector<CompletedPart> ParsePartList(std::string_view json);

}  // namespace neon_s3

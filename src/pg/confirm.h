// Whether an upload's object is what was promised, and what is recorded then. Postgres side.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/s3_response.h"
#include "pg/ledger.h"
#include "pg/operation.h"
#include "pg/target.h"

namespace neon_s3 {

struct Found {
  ObjectInfo object;
  std::optional<std::string> checksum;
  std::string difference;  // a sentence; empty: as promised
};

// Completes a pending upload in parts, and asks S3 for the object. P0002 where there is none.
const Found& FindObject(const Issued& issued, std::string_view key, const Target& target);

struct Sighting {
  bool is_there = false;
  Found found;                 // where it is
  std::optional<Error> error;  // where it is not known
};

// Several uploads of one target; reads what they promised. In the current memory context.
struct Search;
Search& PrepareSearch(const PendingUpload* const* uploads, int count);

// FindObject() for all of them, many at once; the n-th sighting is that of the n-th upload. What
// is wrong with all is the error of each. Needs no transaction.
const std::vector<Sighting>& FindObjects(Operation operation, const Target& target, Search* search);

// Within SPI_connect(), as the table's owner: writes what was measured into the row, and settles
// the upload. Does nothing where another one has settled it meanwhile; false where the row is gone.
bool RecordConfirmed(const Extension& extension, const GovernedTable& table, const text* key,
                     const Found& found);

}  // namespace neon_s3

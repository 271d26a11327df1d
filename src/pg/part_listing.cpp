#include "pg/part_listing.h"

#include "core/error_reply.h"
#include "core/s3_request.h"

namespace neon_s3 {

std::vector<ListedPart> ListAllParts(S3Client& s3, std::string_view bucket, std::string_view key,
                                     std::string_view upload_id) {
  std::vector<ListedPart> parts;
  int marker = 0;
  while (true) {
    PartPage page = ParsePartPage(s3.Call(ListParts(bucket, key, upload_id, marker)).body);
    parts.insert(parts.end(), page.parts.begin(), page.parts.end());
    if (!page.next_marker) return parts;
    if (*page.next_marker <= marker) {
      RaiseMalformedReply("It has more pages, but no way to get them.");
    }
    marker = *page.next_marker;
  }
}

}  // namespace neon_s3

// Listings that come to an end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neon_s3 {

class ListingGuard {
 public:
  // For every page that is not the last: `marker` is where the next one starts. kMalformedReply
  // where markers lead in a circle, or hundreds of pages in a row have no entries.
  void Check(std::string_view marker, std::size_t entries);

 private:
  // Brent's way to find circles: markers are compared with one that is replaced after 1, 2, 4, 8 …
  // pages, so that only that one is kept.
  std::string checkpoint_;
  std::size_t pages_ = 0, next_checkpoint_ = 1, empty_pages_ = 0;
};

}  // namespace neon_s3

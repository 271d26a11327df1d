// Listings that come to an end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neon_s3 {

class ListingGuard {
 public:
  // Call it for every page but the last; `marker` is where the next one starts. kMalformedReply
  // if markers lead in a circle, or hundreds of pages in a row are empty.
  void Check(std::string_view marker, std::size_t entries);

 private:
  // Brent's way to find circles: markers are compared with one that is replaced after 1, 2, 4, 8 …
  // pages, so that only that one is kept.
  std::string checkpoint_;
  std::size_t pages_ = 0, next_checkpoint_ = 1, empty_pages_ = 0;
};

}  // namespace neon_s3

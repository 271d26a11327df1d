#include "core/listing_guard.h"

#include "core/error_reply.h"

namespace neon_s3 {

void ListingGuard::Check(std::string_view marker, std::size_t entries) {
  constexpr std::size_t kMostEmptyPages = 300;  // Amazon has some where much was deleted
  empty_pages_ = entries == 0 ? empty_pages_ + 1 : 0;
  if (empty_pages_ > kMostEmptyPages) RaiseMalformedReply("It has pages without entries only.");
  if (pages_ > 0 && marker == checkpoint_) RaiseMalformedReply("Its pages repeat.");
  if (++pages_ < next_checkpoint_) return;
  next_checkpoint_ *= 2;
  checkpoint_ = marker;
}

}  // namespace neon_s3

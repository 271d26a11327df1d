// Listings of a bucket, page after page: of objects, and of their versions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/listing_guard.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {

// The next page is asked for before the rows of this one are made, and comes in meanwhile. Kind
// says what is listed; it has
//   Item                                  what a row is made of
//   S3Request Request(bucket, max_keys)   for the next page
//   std::vector<Item> Parse(body)         which also keeps where the next page starts
//   std::string marker()                  of the next page; empty: there is none
//   static void PutRow(fcinfo, item)      Postgres side
// C++ side but for PutRows().
template <typename Kind>
class Listing {
 public:
  void Start(Kind kind, std::optional<std::int64_t> max_keys, std::string_view bucket,
             S3Client& s3) {
    kind_ = std::move(kind);
    left_ = max_keys;
    bucket_ = bucket;
    Ask(s3);
  }

  // kMalformedReply if pages lead in a circle.
  void Advance(S3Client& s3) {
    const S3Reply reply = s3.Next();
    if (reply.error) throw *reply.error;
    is_asked_ = false;
    items_ = kind_.Parse(reply.response.body);
    if (left_) {
      const auto wanted = static_cast<std::size_t>(*left_);
      if (items_.size() > wanted) items_.erase(items_.begin() + *left_, items_.end());
      *left_ -= static_cast<std::int64_t>(items_.size());
    }
    listed_ += static_cast<std::int64_t>(items_.size());
    const std::string marker = kind_.marker();
    if (marker.empty()) return;
    guard_.Check(marker, items_.size());
    Ask(s3);
  }

  bool done() const { return !is_asked_; }
  std::int64_t listed() const { return listed_; }

  // In between, the next page is moved on.
  void PutRows(FunctionCallInfo fcinfo, ScratchMemory& memory, S3Call& call) const {
    constexpr std::size_t kRowsAtOnce = 200;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (i % kRowsAtOnce == 0) {
        if (i > 0) memory.Leave();
        if (!done()) call.Run([](S3Client& s3) { s3.Poll(); });
        memory.Enter();
      }
      Kind::PutRow(fcinfo, items_[i]);
    }
    if (!items_.empty()) memory.Leave();
  }

 private:
  static constexpr std::int64_t kPageSize = 1000;

  void Ask(S3Client& s3) {
    if (left_ && *left_ == 0) return;
    const std::int64_t size = std::min(left_.value_or(kPageSize), kPageSize);
    s3.Submit(0, kind_.Request(bucket_, static_cast<int>(size)));
    s3.Poll();
    is_asked_ = true;
  }

  Kind kind_;
  std::string bucket_;
  std::optional<std::int64_t> left_;  // keys still wanted
  std::vector<typename Kind::Item> items_;
  ListingGuard guard_;
  std::int64_t listed_ = 0;
  bool is_asked_ = false;
};

// The rows of a listing, up to its end.
template <typename Kind>
void PutListing(FunctionCallInfo fcinfo, S3Call& call, const Kind& kind,
                std::optional<std::int64_t> max_keys) {
  auto& listing = Owned<Listing<Kind>>();
  call.Run([&](S3Client& s3) { listing.Start(kind, max_keys, call.bucket(), s3); });
  ScratchMemory memory;
  while (!listing.done()) {
    call.Run([&](S3Client& s3) { listing.Advance(s3); });
    listing.PutRows(fcinfo, memory, call);
    call.ShowItems(listing.listed(), -1);
  }
}

}  // namespace neon_s3

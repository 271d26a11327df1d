// The replies to several requests at once, in the order of the requests. C++ side, but for
// Front() and Pop().
#pragma once

#include <cstddef>
#include <map>

#include "net/s3_client.h"

namespace neon_s3 {

// How far requests run ahead of the first one whose reply is missing.
struct Window {
  std::size_t most;
  bool operator()(std::size_t ahead, std::size_t) const { return ahead < most; }
};

// Requests are numbered from 0. Copied only while nothing is under way.
template <typename Outcome>
class InOrder {
 public:
  // `submit(id)` sends a request, `outcome_of(reply)` makes what is kept of its reply.
  // `may_submit(ahead, under_way)` says whether one may be sent that is so many ahead of the first
  // whose outcome is missing, beside so many whose replies are missing; the first of all may be. On
  // return, which takes at least one request more than there were Pop()s, Front() is there.
  template <typename MaySubmit, typename Submit, typename OutcomeOf>
  void Advance(std::size_t request_count, const MaySubmit& may_submit, S3Client& s3,
               const Submit& submit, const OutcomeOf& outcome_of) {
    while (early_.empty() || early_.begin()->first != next_) {
      SubmitAhead(request_count, may_submit, submit);
      S3Reply reply = s3.Next();
      const std::size_t id = reply.id;
      early_.emplace(id, outcome_of(std::move(reply)));
    }
  }
  // What Advance() would send now, also where it has nothing to wait for.
  template <typename MaySubmit, typename Submit>
  void SubmitAhead(std::size_t request_count, const MaySubmit& may_submit, const Submit& submit) {
    for (; submitted_ < request_count; ++submitted_) {
      const std::size_t ahead = submitted_ - next_;
      if (!may_submit(ahead, ahead - early_.size())) break;
      submit(submitted_);
    }
  }
  // After S3Client::Drop(): what was under way will be sent again.
  void Restart() {
    submitted_ = next_;
    while (early_.count(submitted_) > 0) ++submitted_;
    early_.erase(early_.lower_bound(submitted_), early_.end());
  }
  const Outcome& Front() const { return early_.begin()->second; }
  void Pop() {
    early_.erase(early_.begin());
    ++next_;
  }

 private:
  std::map<std::size_t, Outcome> early_;
  std::size_t next_ = 0, submitted_ = 0;
};

}  // namespace neon_s3

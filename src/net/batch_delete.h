// Many objects deleted: several requests at once, outcomes in the order of the keys. C++ side, but
// for done(), first(), deleted() and Pop().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/s3_response.h"
#include "net/in_order.h"
#include "net/s3_client.h"

namespace neon_s3 {

// Throws what concerns all objects; what concerns one object is told of that one.
void RaiseIfCommon(const S3Error& error);

// S3's code, for a column; "Failed" if it gave none.
std::string CodeOf(const S3Error& error);

// By DeleteObjects; one by one the keys that XML can't write, and all of them where the server has
// no DeleteObjects, which is remembered.
class BatchDelete {
 public:
  // Before all else. `keys` outlive it, and so do `version_ids`, one for each.
  void Plan(std::string_view bucket, const std::string_view* keys, std::size_t count,
            const std::string_view* version_ids = nullptr);

  bool done() const { return span_ == spans_.size(); }

  // Waits for the outcomes that are next: of the keys from first() on, as many as deleted() has.
  void Advance(S3Client& s3);
  std::size_t first() const { return spans_[span_].first; }
  const std::vector<DeletedObject>& deleted() const { return outcomes_.Front(); }
  void Pop();

 private:
  // Keys that one request deletes.
  struct Span {
    std::size_t first, count;
  };
  void Split(std::size_t first, std::size_t longest);
  ObjectVersion VersionAt(std::size_t i) const;
  S3Request RequestFor(const Span& span) const;
  std::vector<DeletedObject> OutcomeOf(const S3Reply& reply);
  std::vector<DeletedObject> OutcomeOfMany(const Span& span, std::string_view body) const;

  std::string bucket_;
  const std::string_view* keys_ = nullptr;
  const std::string_view* version_ids_ = nullptr;
  std::size_t count_ = 0;
  std::vector<Span> spans_;
  std::size_t span_ = 0;
  InOrder<std::vector<DeletedObject>> outcomes_;
  bool is_one_by_one_ = false;
  bool is_refused_ = false;  // the server has no DeleteObjects
};

}  // namespace neon_s3

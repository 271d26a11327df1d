#include "pg/key_deletion.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/xml.h"
#include "pg/batch.h"

namespace neon_s3 {
namespace {

// As many requests as can be under way at once, unless that makes them tiny.
std::size_t LongestSpan(std::size_t count) {
  constexpr std::size_t kMost = 1000, kLeast = 100;
  return std::clamp(count / S3Limits().max_in_flight, kLeast, kMost);
}

}  // namespace

void KeyDeletion::Plan(std::string_view bucket, const std::string_view* keys, std::size_t count) {
  bucket_ = bucket;
  keys_ = keys;
  count_ = count;
  Split(LongestSpan(count));
}

void KeyDeletion::Split(std::size_t longest) {
  bool may_grow = false;
  for (std::size_t i = 0; i < count_; ++i) {
    const bool is_plain = CanBeInXml(keys_[i]);
    if (is_plain && may_grow && spans_.back().count < longest) {
      ++spans_.back().count;
    } else {
      spans_.push_back({i, 1});
    }
    may_grow = is_plain;
  }
}

void KeyDeletion::Advance(S3Client& s3) {
  const auto submit = [&](std::size_t id) { s3.Submit(id, RequestFor(spans_[id])); };
  const auto outcome_of = [&](const S3Reply& reply) { return OutcomeOf(reply); };
  outcomes_.Advance(spans_.size(), kBatchWindow, s3, submit, outcome_of);
}

void KeyDeletion::Pop() {
  outcomes_.Pop();
  ++span_;
}

S3Request KeyDeletion::RequestFor(const Span& span) const {
  const std::string_view* first = keys_ + span.first;
  if (span.count == 1) return DeleteObject(bucket_, *first);
  return DeleteObjects(bucket_, std::vector<std::string_view>(first, first + span.count));
}

// One of each key of the span.
std::vector<DeletedObject> KeyDeletion::OutcomeOf(const S3Reply& reply) {
  const Span& span = spans_[reply.id];
  if (!reply.error) {
    if (span.count > 1) return OutcomeOfMany(span, reply.response.body);
    return std::vector<DeletedObject>(1);
  }
  const S3Error& error = *reply.error;
  RaiseIfCommon(error);
  // Of many keys, DeleteObjects would have told those that fail.
  if (span.count > 1 || error.status() / 100 != 4) throw error;
  return {{{}, CodeOf(error), DescribeError(error)}};
}

std::vector<DeletedObject> KeyDeletion::OutcomeOfMany(const Span& span,
                                                      std::string_view body) const {
  std::map<std::string, DeletedObject> mentioned;
  for (DeletedObject& object : ParseDeleteResult(body)) {
    std::string key = object.key;
    mentioned[std::move(key)] = std::move(object);
  }
  std::vector<DeletedObject> deleted;
  for (std::size_t i = span.first; i < span.first + span.count; ++i) {
    const auto found = mentioned.find(std::string(keys_[i]));
    deleted.push_back(found != mentioned.end()
                          ? found->second
                          : DeletedObject{{}, "NotMentioned", "the reply does not have this key"});
  }
  return deleted;
}

}  // namespace neon_s3

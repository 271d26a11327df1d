#include "net/batch_delete.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/xml.h"

namespace neon_s3 {
namespace {

// How far requests run ahead of the first one whose reply is missing.
constexpr Window kWindow{256};

// As many requests as can be under way at once, unless that makes them tiny.
std::size_t LongestSpan(std::size_t count) {
  constexpr std::size_t kMost = 1000, kLeast = 100;
  return std::clamp(count / S3Limits().max_in_flight, kLeast, kMost);
}

// Servers without DeleteObjects say so in different ways.
bool LacksMultiDelete(const S3Error& error) {
  if (error.status() == 405 || error.status() == 501) return true;
  return error.status() == 400 && error.code() == ErrorCode::kRefused &&
         error.s3_code() != "AuthorizationHeaderMalformed";
}

}  // namespace

void RaiseIfCommon(const S3Error& error) {
  const bool is_of_one_reply = error.code() == ErrorCode::kConnectionLost ||
                               error.code() == ErrorCode::kTooLarge ||
                               error.code() == ErrorCode::kMalformedReply;
  const bool is_common =
      error.status() == 0 ? !is_of_one_reply : error.code() == ErrorCode::kNoCredentials;
  if (is_common || error.s3_code() == "NoSuchBucket") throw error;
}

std::string CodeOf(const S3Error& error) {
  return error.s3_code().empty() ? "Failed" : error.s3_code();
}

void BatchDelete::Plan(std::string_view bucket, const std::string_view* keys, std::size_t count,
                       const std::string_view* version_ids) {
  bucket_ = bucket;
  keys_ = keys;
  version_ids_ = version_ids;
  count_ = count;
  Split(0, LongestSpan(count));
}

void BatchDelete::Split(std::size_t first, std::size_t longest) {
  spans_.clear();
  span_ = 0;
  outcomes_ = {};
  bool may_grow = false;
  for (std::size_t i = first; i < count_; ++i) {
    const bool is_plain = CanBeInXml(keys_[i]) && CanBeInXml(VersionAt(i).version_id);
    if (is_plain && may_grow && spans_.back().count < longest) {
      ++spans_.back().count;
    } else {
      spans_.push_back({i, 1});
    }
    may_grow = is_plain;
  }
}

void BatchDelete::Advance(S3Client& s3) {
  const auto submit = [&](std::size_t id) { s3.Submit(id, RequestFor(spans_[id])); };
  const auto outcome_of = [&](const S3Reply& reply) { return OutcomeOf(reply); };
  for (;;) {
    if (!is_one_by_one_ && s3.ServerLacks(ServerLack::kMultiDelete)) {
      is_one_by_one_ = true;
      s3.Drop();
      Split(first(), 1);
    }
    outcomes_.Advance(spans_.size(), kWindow, s3, submit, outcome_of);
    if (!is_refused_ || is_one_by_one_) return;
    s3.RememberLack(ServerLack::kMultiDelete);
  }
}

void BatchDelete::Pop() {
  outcomes_.Pop();
  ++span_;
}

ObjectVersion BatchDelete::VersionAt(std::size_t i) const {
  return {keys_[i], version_ids_ == nullptr ? std::string_view() : version_ids_[i]};
}

S3Request BatchDelete::RequestFor(const Span& span) const {
  const ObjectVersion first = VersionAt(span.first);
  if (span.count == 1) return DeleteObject(bucket_, first.key, first.version_id);
  std::vector<ObjectVersion> versions;
  for (std::size_t i = 0; i < span.count; ++i) versions.push_back(VersionAt(span.first + i));
  return DeleteObjectVersions(bucket_, versions);
}

// One of each key of the span.
std::vector<DeletedObject> BatchDelete::OutcomeOf(const S3Reply& reply) {
  const Span& span = spans_[reply.id];
  if (!reply.error) {
    if (span.count > 1) return OutcomeOfMany(span, reply.response.body);
    return std::vector<DeletedObject>(1);
  }
  const S3Error& error = *reply.error;
  if (span.count > 1 && LacksMultiDelete(error)) {
    is_refused_ = true;
    return {};
  }
  RaiseIfCommon(error);
  // Of many keys, DeleteObjects would have told those that fail.
  if (span.count > 1 || error.status() / 100 != 4) throw error;
  return {{{}, CodeOf(error), DescribeError(error), {}}};
}

std::vector<DeletedObject> BatchDelete::OutcomeOfMany(const Span& span,
                                                      std::string_view body) const {
  using Name = std::pair<std::string, std::string>;
  std::map<Name, DeletedObject> mentioned;
  for (DeletedObject& object : ParseDeleteResult(body)) {
    Name name(object.key, version_ids_ == nullptr ? std::string() : object.version_id);
    mentioned[std::move(name)] = std::move(object);
  }
  std::vector<DeletedObject> deleted;
  for (std::size_t i = span.first; i < span.first + span.count; ++i) {
    const auto found = mentioned.find(Name(VersionAt(i).key, VersionAt(i).version_id));
    deleted.push_back(
        found != mentioned.end()
            ? found->second
            : DeletedObject{{}, "NotMentioned", "the reply does not have this key", {}});
  }
  return deleted;
}

}  // namespace neon_s3

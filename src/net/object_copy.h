// Copies within the server: in one request, or in parts, several at once, where S3 takes no more in
// one. C++ side.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/caller_headers.h"
#include "core/copy_request.h"
#include "core/part_plan.h"
#include "core/s3_response.h"
#include "net/s3_client.h"

namespace neon_s3 {

struct CopyLimits {
  std::int64_t largest_whole = std::int64_t{5} << 30;  // bytes: S3's limit of one CopyObject
  std::int64_t part_size = 128 << 20;  // bytes; more where an upload would need too many
};

// In how many parts an object is copied. kBadArgument for more than S3 keeps in one.
PartPlan PlanCopy(std::int64_t size, const CopyLimits& limits);

// The requests that a copy's headers may go with.
constexpr unsigned kCopyRequests = kWithCopy | kWithCreateUpload | kWithCopiedPart | kWithComplete;

class ObjectCopy {
 public:
  // `names` are good until the copy is done.
  ObjectCopy(const CopyNames& names, CallerHeaders headers, const CopyLimits& limits = {});

  // Parts that are done, of how many.
  using Progress = std::function<void(int done, int total)>;

  // What the headers don't say of the object is as it is at the source: each attribute, and
  // metadata and tags as a whole. kRefused where the source is replaced meanwhile; kBadArgument for
  // headers that contradict each other, and for more than S3 keeps in one object.
  WrittenObject Perform(S3Client& s3, const Progress& progress);

  // Whether Perform() left a multipart upload behind, which is to be aborted.
  bool has_upload() const { return !upload_id_.empty(); }
  void Abort(S3Client& s3);

 private:
  void CheckDirectives() const;
  bool Replaces() const;
  void AddKept(S3Request* request) const;
  void AddTags(S3Client& s3, S3Request* request) const;
  WrittenObject CopyWhole(S3Client& s3) const;
  WrittenObject CopyInParts(S3Client& s3, const Progress& progress);
  void BeginUpload(S3Client& s3);
  S3Request Part(const PartPlan& plan, int number) const;
  std::vector<CompletedPart> CopyParts(S3Client& s3, const PartPlan& plan,
                                       const Progress& progress) const;

  const CopyNames names_;
  const CallerHeaders headers_;
  const CopyLimits limits_;
  HttpResponse head_;  // of the source
  ObjectInfo source_;
  std::string upload_id_;
};

}  // namespace neon_s3

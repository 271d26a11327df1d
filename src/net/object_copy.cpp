#include "net/object_copy.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "net/multipart.h"

namespace neon_s3 {
namespace {

constexpr char kMetadataDirective[] = "x-amz-metadata-directive";
constexpr char kTaggingDirective[] = "x-amz-tagging-directive";
constexpr char kTagging[] = "x-amz-tagging";
constexpr std::string_view kMetadata = "x-amz-meta-";

bool IsMetadata(const HttpHeader& header) { return StartsWith(header.name, kMetadata); }
bool IsAttribute(const HttpHeader& header) { return IsAttributeHeader(header.name); }

[[noreturn]] void RefuseContradiction(const char* directive, const std::string& header) {
  throw Error(ErrorCode::kBadArgument,
              std::string(directive) + " is COPY, but header \"" + header + "\" is given",
              "Leave the directive out: what is given is replaced, the rest is copied.");
}

}  // namespace

PartPlan PlanCopy(std::int64_t size, const CopyLimits& limits) {
  const PartPlan least = PlanParts(size, std::nullopt);
  return PlanParts(size, std::max(limits.part_size, least.part_size));
}

ObjectCopy::ObjectCopy(const CopyNames& names, CallerHeaders headers, const CopyLimits& limits)
    : names_(names), headers_(std::move(headers)), limits_(limits) {}

// S3 would drop what is given in silence.
void ObjectCopy::CheckDirectives() const {
  const std::vector<HttpHeader>& all = headers_.all();
  const auto attribute = std::find_if(all.begin(), all.end(), IsAttribute);
  if (EqualsLower(headers_.Get(kMetadataDirective), "copy") && attribute != all.end()) {
    RefuseContradiction(kMetadataDirective, attribute->name);
  }
  if (EqualsLower(headers_.Get(kTaggingDirective), "copy") && headers_.Has(kTagging)) {
    RefuseContradiction(kTaggingDirective, kTagging);
  }
}

bool ObjectCopy::Replaces() const {
  const std::vector<HttpHeader>& all = headers_.all();
  return !headers_.Has(kMetadataDirective) && std::any_of(all.begin(), all.end(), IsAttribute);
}

// Whoever says REPLACE gets what is given, and nothing else.
void ObjectCopy::AddKept(S3Request* request) const {
  if (EqualsLower(headers_.Get(kMetadataDirective), "replace")) return;
  for (const std::string_view name : AttributeHeaders()) {
    const std::string_view value = head_.Header(name);
    if (value.empty() || headers_.Has(name)) continue;
    request->headers.push_back({std::string(name), SecretString(value)});
  }
  const std::vector<HttpHeader>& all = headers_.all();
  if (std::any_of(all.begin(), all.end(), IsMetadata)) return;
  for (const auto& [name, value] : source_.metadata) {
    request->headers.push_back({std::string(kMetadata) + name, SecretString(value)});
  }
}

// Unlike CopyObject, an upload knows nothing of the source's.
void ObjectCopy::AddTags(S3Client& s3, S3Request* request) const {
  const std::string_view count = head_.Header("x-amz-tagging-count");
  const bool replaces = EqualsLower(headers_.Get(kTaggingDirective), "replace");
  if (headers_.Has(kTagging) || replaces || count.empty() || count == "0") return;
  S3Request ask = GetObjectTagging(names_.source_bucket, names_.source_key, names_.source_version);
  headers_.AddToSource(&ask);
  const std::string tags = ParseTagging(s3.Call(std::move(ask)).body);
  if (!tags.empty()) request->headers.push_back({kTagging, SecretString(tags)});
}

WrittenObject ObjectCopy::CopyWhole(S3Client& s3) const {
  S3Request request = CopyObject(names_);
  headers_.AddTo(kWithCopy, &request);
  if (Replaces()) {
    request.headers.push_back({kMetadataDirective, "REPLACE"});
    AddKept(&request);
    if (!headers_.Has("x-amz-copy-source-if-match")) SetSourceIfMatch(source_.etag, &request);
  }
  if (headers_.Has(kTagging) && !headers_.Has(kTaggingDirective)) {
    request.headers.push_back({kTaggingDirective, "REPLACE"});
  }
  return ParseWrittenDocument(s3.Call(std::move(request)));
}

void ObjectCopy::BeginUpload(S3Client& s3) {
  S3Request request = CreateMultipartUpload(names_.bucket, names_.key, {});
  headers_.AddTo(kWithCreateUpload, &request);
  AddKept(&request);
  AddTags(s3, &request);
  upload_id_ = ParseUploadId(s3.Call(std::move(request)).body);
}

S3Request ObjectCopy::Part(const PartPlan& plan, int number) const {
  S3Request request = UploadPartCopy(names_, upload_id_, number,
                                     {(number - 1) * plan.part_size, plan.SizeOf(number)});
  headers_.AddTo(kWithCopiedPart, &request);
  SetSourceIfMatch(source_.etag, &request);
  return request;
}

std::vector<CompletedPart> ObjectCopy::CopyParts(S3Client& s3, const PartPlan& plan,
                                                 const Progress& progress) const {
  const int at_once = static_cast<int>(S3Limits().max_in_flight);
  std::vector<CompletedPart> parts;
  for (int submitted = 0; static_cast<int>(parts.size()) < plan.part_count;) {
    const int done = static_cast<int>(parts.size());
    progress(done, plan.part_count);
    while (submitted < plan.part_count && submitted - done < at_once) {
      ++submitted;
      s3.Submit(static_cast<std::size_t>(submitted), Part(plan, submitted));
    }
    const S3Reply reply = s3.Next();
    if (reply.error) throw *reply.error;
    parts.push_back({static_cast<int>(reply.id), ParseWrittenDocument(reply.response).etag});
  }
  std::sort(parts.begin(), parts.end(), [](const CompletedPart& a, const CompletedPart& b) {
    return a.part_number < b.part_number;
  });
  return parts;
}

WrittenObject ObjectCopy::CopyInParts(S3Client& s3, const Progress& progress) {
  const PartPlan plan = PlanCopy(*source_.size, limits_);
  BeginUpload(s3);
  const std::vector<CompletedPart> parts = CopyParts(s3, plan, progress);
  WrittenObject written =
      CompleteUpload(s3, names_.bucket, names_.key, upload_id_, parts, true, headers_);
  upload_id_.clear();
  return written;
}

WrittenObject ObjectCopy::Perform(S3Client& s3, const Progress& progress) {
  CheckDirectives();
  CopyObject(names_);  // so that bad names are refused before anybody is asked
  S3Request ask = HeadObject(names_.source_bucket, names_.source_key, names_.source_version);
  headers_.AddToSource(&ask);
  head_ = s3.Call(std::move(ask));
  source_ = ParseObjectInfo(head_);
  const bool is_large = source_.size && *source_.size > limits_.largest_whole;
  return is_large ? CopyInParts(s3, progress) : CopyWhole(s3);
}

void ObjectCopy::Abort(S3Client& s3) {
  AbortUpload(s3, names_.bucket, names_.key, upload_id_, headers_);
}

}  // namespace neon_s3

#include "core/s3_response.h"

#include <algorithm>
#include <limits>

#include "core/encoding.h"
#include "core/error_reply.h"
#include "core/mime_words.h"
#include "core/text.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kMetadataPrefix = "x-amz-meta-";

std::int64_t XmlSize(const pugi::xml_node& parent) {
  const std::int64_t size = XmlInteger(parent.child("Size"), "Size");
  if (size < 0) RaiseMalformedReply("It has a negative Size.");
  return size;
}

int XmlPartNumber(const pugi::xml_node& parent, const char* name) {
  const std::int64_t number = XmlInteger(parent.child(name), name);
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    RaiseMalformedReply(std::string("Its ") + name + " is not a part number.");
  }
  return static_cast<int>(number);
}

std::optional<UnixMicroseconds> XmlTime(const pugi::xml_node& parent, const char* name) {
  return ParseTime(WithoutOuterSpace(RawXmlText<std::string>(parent.child(name))));
}

bool IsTruncated(const pugi::xml_node& root) {
  return XmlFlag(root.child("IsTruncated"), "IsTruncated");
}

std::string XmlETag(const pugi::xml_node& parent) {
  return std::string(WithoutQuotes(WithoutOuterSpace(XmlText(parent, "ETag"))));
}

std::string HeaderText(const HttpResponse& response, std::string_view name) {
  const std::string_view value = response.Header(name);
  if (!IsValidUtf8(value)) {
    RaiseMalformedReply("Its header " + std::string(name) + " is not UTF-8.");
  }
  return std::string(value);
}

std::string ETagOf(const HttpResponse& response) {
  return std::string(WithoutQuotes(HeaderText(response, "etag")));
}

std::optional<std::int64_t> SizeOf(const HttpResponse& response) {
  const std::string_view text = response.Header("content-length");
  if (text.empty()) return std::nullopt;
  const std::optional<std::int64_t> size = ParseDecimal(text);
  if (!size || *size < 0) RaiseMalformedReply("Its Content-Length is not a number.");
  return size;
}

// "bytes 5-9/100", or "bytes 5-9/*".
struct ContentRange {
  std::int64_t first, last;
  std::optional<std::int64_t> total;
};

ContentRange ContentRangeOf(const HttpResponse& response) {
  std::string_view text = response.Header("content-range");
  const bool in_bytes = EqualsLower(text.substr(0, 6), "bytes ");
  if (in_bytes) text.remove_prefix(6);
  const std::size_t dash = std::min(text.find('-'), text.size());
  const std::size_t slash = std::min(text.find('/', dash), text.size());
  const auto first = ParseDecimal(text.substr(0, dash));
  const auto last = ParseDecimal(text.substr(std::min(dash + 1, slash), slash - dash - 1));
  const std::string_view size = text.substr(std::min(slash + 1, text.size()));
  const auto total = ParseDecimal(size);
  if (!in_bytes || !first || !last || (!total && size != "*") || *first < 0 || *last < *first) {
    RaiseMalformedReply("It names no range of bytes.");
  }
  return {*first, *last, total};
}

// 206: the range that was asked for, or as much of it as the object has.
void CheckPart(const S3Request& request, const HttpResponse& response) {
  const ContentRange range = ContentRangeOf(response);
  const auto size = static_cast<std::int64_t>(response.body_size());
  const std::int64_t start = request.range->start;
  const bool is_outside = range.total && range.last >= *range.total;
  if (range.first != start || range.last - start != size - 1 || is_outside) {
    RaiseMalformedReply("It has other bytes than those that were asked for.");
  }
  const std::optional<std::int64_t> length = request.range->length;
  const bool is_all = length ? size == *length : !range.total;
  const bool is_end = range.total && range.last == *range.total - 1;
  if (!is_all && !is_end) {
    RaiseMalformedReply("It has fewer bytes than were asked for.");
  }
  if (length && size > *length) RaiseMalformedReply("It has more bytes than were asked for.");
  if (request.size && range.total && *range.total != *request.size) {
    RaiseMalformedReply("The object has another size than before.");
  }
}

[[noreturn]] void RaiseBehindEnd(const ByteRange& range, std::int64_t size) {
  throw Error(ErrorCode::kRefused, "range starts at byte " + std::to_string(range.start) +
                                       " of an object of " + std::to_string(size) + " bytes");
}

// 200 to a range: the client cut it out of the whole object.
void CheckCut(const S3Request& request, const HttpResponse& response) {
  const std::int64_t total = response.skipped + static_cast<std::int64_t>(response.body_size());
  if (total > 0 && response.skipped < request.range->start) RaiseBehindEnd(*request.range, total);
  const std::optional<std::int64_t> announced = SizeOf(response);
  if (request.size && announced && *announced != *request.size) {
    RaiseMalformedReply("The object has another size than before.");
  }
}

// A header that comes twice is one list (RFC 9110 section 5.3).
void AddMetadata(const std::string& name, const std::string& value, Metadata* metadata) {
  const auto same = std::find_if(metadata->begin(), metadata->end(),
                                 [&](const auto& entry) { return entry.first == name; });
  if (same == metadata->end()) {
    metadata->emplace_back(name, value);
  } else {
    same->second.append(",").append(value);
  }
}

Metadata MetadataOf(const HttpResponse& response) {
  Metadata metadata;
  for (const HttpHeader& header : response.headers) {
    const std::string name = LowerCase(header.name);
    if (!StartsWith(name, kMetadataPrefix)) continue;
    if (!IsValidUtf8(name) || !IsValidUtf8(header.value)) {
      RaiseMalformedReply("It has metadata that is not UTF-8.");
    }
    AddMetadata(name.substr(kMetadataPrefix.size()), DecodeMimeWords(header.value), &metadata);
  }
  return metadata;
}

// The texts of a listing, which may be percent-encoded: XML can't write all of them.
class ListingTexts {
 public:
  explicit ListingTexts(const pugi::xml_node& root)
      : encoded_(LowerCase(XmlWord(root, "EncodingType")) == "url") {}

  std::string Get(const pugi::xml_node& parent, const char* name) const {
    std::string text = XmlText(parent, name);
    if (!encoded_) return text;
    const std::optional<std::string> decoded = UriDecoded(text, /*plus_is_space=*/true);
    if (!decoded || !IsValidUtf8(*decoded)) {
      RaiseMalformedReply(std::string("It has an invalid ") + name + ".");
    }
    return *decoded;
  }

 private:
  bool encoded_;
};

ListedObject ReadObject(const pugi::xml_node& element, const ListingTexts& texts) {
  ListedObject object;
  object.key = texts.Get(element, "Key");
  if (object.key.empty()) RaiseMalformedReply("It has an object without a Key.");
  object.size = XmlSize(element);
  object.etag = XmlETag(element);
  object.storage_class = XmlWord(element, "StorageClass");
  object.last_modified = XmlTime(element, "LastModified");
  return object;
}

ListedVersion ReadVersion(const pugi::xml_node& element, bool is_delete_marker,
                          const ListingTexts& texts) {
  ListedVersion version;
  version.key = texts.Get(element, "Key");
  version.version_id = XmlText(element, "VersionId");
  if (version.key.empty() || version.version_id.empty()) {
    RaiseMalformedReply("It has a version without a Key or VersionId.");
  }
  version.is_latest = XmlFlag(element.child("IsLatest"), "IsLatest");
  version.is_delete_marker = is_delete_marker;
  version.last_modified = XmlTime(element, "LastModified");
  if (is_delete_marker) return version;
  version.size = XmlSize(element);
  version.etag = XmlETag(element);
  version.storage_class = XmlText(element, "StorageClass");
  return version;
}

// A page ends with the version that the reply names; without it, with the last one. The key is the
// one listed there: Amazon encodes NextKeyMarker as it does keys, Ceph doesn't.
void SetMarkers(const pugi::xml_node& root, const ListingTexts& texts, VersionPage* page) {
  page->next_version_id_marker = XmlText(root, "NextVersionIdMarker");
  if (page->versions.empty()) {
    page->next_key_marker = texts.Get(root, "NextKeyMarker");
    if (page->next_key_marker.empty()) RaiseMalformedReply("It has no NextKeyMarker.");
    return;
  }
  auto last = std::find_if(page->versions.rbegin(), page->versions.rend(),
                           [page](const ListedVersion& version) {
                             return version.version_id == page->next_version_id_marker;
                           });
  if (last == page->versions.rend()) last = page->versions.rbegin();
  page->next_key_marker = last->key;
  page->next_version_id_marker = last->version_id;
}

}  // namespace

void CheckObject(const S3Request& request, const HttpResponse& response) {
  const int status = response.status;
  if (status != 200 && (status != 206 || !request.range)) {
    RaiseMalformedReply("Its HTTP status is " + std::to_string(status) + ".");
  }
  if (!request.etag.empty() && !IsSameETag(request.etag, ETagOf(response))) {
    RaiseMalformedReply("The object has another ETag than before.");
  }
  if (status == 206) return CheckPart(request, response);
  if (request.range) CheckCut(request, response);
}

ObjectInfo ParseObjectInfo(const HttpResponse& response) {
  ObjectInfo info;
  info.size = SizeOf(response);
  info.etag = ETagOf(response);
  info.content_type = HeaderText(response, "content-type");
  info.version_id = HeaderText(response, "x-amz-version-id");
  info.storage_class = HeaderText(response, "x-amz-storage-class");
  info.last_modified = ParseTime(response.Header("last-modified"));
  info.metadata = MetadataOf(response);
  return info;
}

WrittenObject ParseWrittenObject(const HttpResponse& response) {
  return {ETagOf(response), HeaderText(response, "x-amz-version-id")};
}

WrittenObject ParseWrittenDocument(const HttpResponse& response) {
  const XmlReply reply(response.body,
                       {"CopyObjectResult", "CopyPartResult", "CompleteMultipartUploadResult"});
  WrittenObject object{XmlETag(reply.root()), HeaderText(response, "x-amz-version-id")};
  if (!reply.root().child("ETag")) RaiseMalformedReply("It has no ETag.");
  return object;
}

std::vector<DeletedObject> ParseDeleteResult(std::string_view body) {
  const XmlReply reply(body, {"DeleteResult"});
  std::vector<DeletedObject> objects;
  for (const pugi::xml_node& element : reply.root().children()) {
    const std::string_view name = element.name();
    if (name == "Deleted") {
      objects.push_back({XmlText(element, "Key"), {}, {}, XmlText(element, "VersionId")});
    }
    if (name != "Error") continue;
    DeletedObject object{XmlText(element, "Key"), XmlWord(element, "Code"),
                         XmlText(element, "Message"), XmlText(element, "VersionId")};
    if (object.code.empty()) RaiseMalformedReply("It has an Error without a Code.");
    objects.push_back(std::move(object));
  }
  return objects;
}

ObjectPage ParseObjectPage(std::string_view body) {
  const XmlReply reply(body, {"ListBucketResult"});
  const ListingTexts texts(reply.root());
  ObjectPage page;
  for (const pugi::xml_node& element : reply.root().children("Contents")) {
    page.objects.push_back(ReadObject(element, texts));
  }
  for (const pugi::xml_node& element : reply.root().children("CommonPrefixes")) {
    ListedObject prefix;
    prefix.key = texts.Get(element, "Prefix");
    prefix.is_prefix = true;
    page.objects.push_back(std::move(prefix));
  }
  std::sort(page.objects.begin(), page.objects.end(),
            [](const ListedObject& a, const ListedObject& b) { return a.key < b.key; });
  if (!IsTruncated(reply.root())) return page;
  page.continuation_token = XmlText(reply.root(), "NextContinuationToken");  // Ceph's are keys
  if (page.continuation_token.empty()) RaiseMalformedReply("It has no NextContinuationToken.");
  return page;
}

VersionPage ParseVersionPage(std::string_view body) {
  const XmlReply reply(body, {"ListVersionsResult"});
  const ListingTexts texts(reply.root());
  VersionPage page;
  for (const pugi::xml_node& element : reply.root().children()) {
    const std::string_view name = element.name();
    if (name == "Version" || name == "DeleteMarker") {
      page.versions.push_back(ReadVersion(element, name == "DeleteMarker", texts));
    }
  }
  if (IsTruncated(reply.root())) SetMarkers(reply.root(), texts, &page);
  return page;
}

std::string ParseUploadId(std::string_view body) {
  const XmlReply reply(body, {"InitiateMultipartUploadResult"});
  std::string upload_id = XmlWord(reply.root(), "UploadId");
  if (upload_id.empty()) RaiseMalformedReply("It has no UploadId.");
  return upload_id;
}

PartPage ParsePartPage(std::string_view body) {
  const XmlReply reply(body, {"ListPartsResult"});
  PartPage page;
  for (const pugi::xml_node& element : reply.root().children("Part")) {
    ListedPart part;
    part.part_number = XmlPartNumber(element, "PartNumber");
    part.size = XmlSize(element);
    part.etag = XmlETag(element);
    part.last_modified = XmlTime(element, "LastModified");
    page.parts.push_back(std::move(part));
  }
  if (IsTruncated(reply.root())) {
    page.next_marker = XmlPartNumber(reply.root(), "NextPartNumberMarker");
  }
  return page;
}

UploadPage ParseUploadPage(std::string_view body) {
  const XmlReply reply(body, {"ListMultipartUploadsResult"});
  const ListingTexts texts(reply.root());
  UploadPage page;
  for (const pugi::xml_node& element : reply.root().children("Upload")) {
    ListedUpload upload;
    upload.key = texts.Get(element, "Key");
    upload.upload_id = XmlWord(element, "UploadId");
    upload.storage_class = XmlWord(element, "StorageClass");
    upload.initiated = XmlTime(element, "Initiated");
    page.uploads.push_back(std::move(upload));
  }
  if (!IsTruncated(reply.root())) return page;
  page.next_key_marker = texts.Get(reply.root(), "NextKeyMarker");
  page.next_upload_id_marker = XmlText(reply.root(), "NextUploadIdMarker");
  if (page.next_key_marker.empty()) RaiseMalformedReply("It has no NextKeyMarker.");
  return page;
}

std::vector<ListedBucket> ParseBucketList(std::string_view body) {
  const XmlReply reply(body, {"ListAllMyBucketsResult"});
  std::vector<ListedBucket> buckets;
  for (const pugi::xml_node& element : reply.root().child("Buckets").children("Bucket")) {
    ListedBucket bucket{XmlWord(element, "Name"), XmlTime(element, "CreationDate")};
    if (bucket.name.empty()) RaiseMalformedReply("It has a bucket without a Name.");
    buckets.push_back(std::move(bucket));
  }
  return buckets;
}

}  // namespace neon_s3

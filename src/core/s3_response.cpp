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

std::int64_t NotNegative(std::int64_t number, const char* what) {
  if (number < 0) RaiseMalformedReply(std::string("It has a negative ") + what + ".");
  return number;
}

std::int64_t XmlSize(const pugi::xml_node& parent) {
  return NotNegative(XmlInteger(parent.child("Size"), "Size"), "Size");
}

int XmlPartNumber(const pugi::xml_node& parent, const char* name) {
  const std::int64_t number = XmlInteger(parent.child(name), name);
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    RaiseMalformedReply(std::string("It has no number of a part as ") + name + ".");
  }
  return static_cast<int>(number);
}

std::int64_t SizeInHeader(std::string_view text, const char* name) {
  const std::optional<std::int64_t> number = ParseDecimal(text);
  if (!number) RaiseMalformedReply(std::string("It has no number as ") + name + ".");
  return NotNegative(*number, name);
}

std::optional<UnixMicroseconds> XmlTime(const pugi::xml_node& parent, const char* name) {
  const std::string_view text = parent.child_value(name);
  if (text.empty()) return std::nullopt;
  const std::optional<UnixMicroseconds> time = ParseIso8601Micros(text);
  if (!time) RaiseMalformedReply(std::string("It has no time as ") + name + ".");
  return time;
}

bool IsTruncated(const pugi::xml_node& root) {
  return XmlFlag(root.child("IsTruncated"), "IsTruncated");
}

std::string XmlETag(const pugi::xml_node& parent) {
  return std::string(WithoutQuotes(XmlText(parent, "ETag")));
}

std::string HeaderText(const HttpResponse& response, std::string_view name) {
  const std::string_view value = response.Header(name);
  if (!IsValidUtf8(value)) {
    RaiseMalformedReply("Its header " + std::string(name) + " is no UTF-8.");
  }
  return std::string(value);
}

std::string ETagOf(const HttpResponse& response) {
  return std::string(WithoutQuotes(HeaderText(response, "etag")));
}

// The size of the whole object: a part of it comes with "Content-Range: bytes 0-9/100".
std::int64_t SizeOf(const HttpResponse& response) {
  const std::string_view range = response.Header("content-range");
  if (response.status == 206 && !range.empty()) {
    return SizeInHeader(range.substr(range.find('/') + 1), "Content-Range");
  }
  const std::string_view length = response.Header("content-length");
  if (!length.empty()) return SizeInHeader(length, "Content-Length");
  if (response.body.empty()) RaiseMalformedReply("It has no Content-Length.");
  return static_cast<std::int64_t>(response.body.size());
}

std::optional<UnixMicroseconds> LastModifiedOf(const HttpResponse& response) {
  const std::string_view text = response.Header("last-modified");
  if (text.empty()) return std::nullopt;
  const std::optional<std::int64_t> seconds = ParseHttpDate(text);
  if (!seconds) RaiseMalformedReply("It has no date as Last-Modified.");
  return *seconds * 1000000;
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
      RaiseMalformedReply("It has metadata that is no UTF-8.");
    }
    AddMetadata(name.substr(kMetadataPrefix.size()), DecodeMimeWords(header.value), &metadata);
  }
  return metadata;
}

// The texts of a listing, which may be percent-encoded: XML can't write all of them.
class ListingTexts {
 public:
  explicit ListingTexts(const pugi::xml_node& root)
      : encoded_(LowerCase(root.child_value("EncodingType")) == "url") {}

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
  object.storage_class = XmlText(element, "StorageClass");
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

// The page ends with that version; without it, with the last one. The key is the one listed there:
// Amazon encodes NextKeyMarker as it does keys, Ceph doesn't.
void SetMarkers(const std::string& version_id, VersionPage* page) {
  if (page->versions.empty()) RaiseMalformedReply("It has more pages, but no versions.");
  auto last =
      std::find_if(page->versions.rbegin(), page->versions.rend(),
                   [&](const ListedVersion& version) { return version.version_id == version_id; });
  if (last == page->versions.rend()) last = page->versions.rbegin();
  page->next_key_marker = last->key;
  page->next_version_id_marker = last->version_id;
}

}  // namespace

ObjectInfo ParseObjectInfo(const HttpResponse& response) {
  ObjectInfo info;
  info.size = SizeOf(response);
  info.etag = ETagOf(response);
  info.content_type = HeaderText(response, "content-type");
  info.version_id = HeaderText(response, "x-amz-version-id");
  info.storage_class = HeaderText(response, "x-amz-storage-class");
  info.last_modified = LastModifiedOf(response);
  info.metadata = MetadataOf(response);
  return info;
}

WrittenObject ParseWrittenObject(const HttpResponse& response) {
  return {ETagOf(response), HeaderText(response, "x-amz-version-id")};
}

WrittenObject ParseWrittenDocument(const HttpResponse& response) {
  const XmlReply reply(response.body, {"CopyObjectResult", "CompleteMultipartUploadResult"});
  WrittenObject object{XmlETag(reply.root()), HeaderText(response, "x-amz-version-id")};
  if (!reply.root().child("ETag")) RaiseMalformedReply("It has no ETag.");
  return object;
}

std::vector<DeletedObject> ParseDeleteResult(std::string_view body) {
  const XmlReply reply(body, {"DeleteResult"});
  std::vector<DeletedObject> objects;
  for (const pugi::xml_node& element : reply.root().children()) {
    const std::string_view name = element.name();
    if (name == "Deleted") objects.push_back({XmlText(element, "Key"), {}, {}});
    if (name != "Error") continue;
    DeletedObject object{XmlText(element, "Key"), XmlText(element, "Code"),
                         XmlText(element, "Message")};
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
  page.continuation_token = XmlText(reply.root(), "NextContinuationToken");
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
  if (IsTruncated(reply.root())) SetMarkers(XmlText(reply.root(), "NextVersionIdMarker"), &page);
  return page;
}

std::string ParseUploadId(std::string_view body) {
  const XmlReply reply(body, {"InitiateMultipartUploadResult"});
  std::string upload_id = XmlText(reply.root(), "UploadId");
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
    upload.upload_id = XmlText(element, "UploadId");
    upload.storage_class = XmlText(element, "StorageClass");
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
    ListedBucket bucket{XmlText(element, "Name"), XmlTime(element, "CreationDate")};
    if (bucket.name.empty()) RaiseMalformedReply("It has a bucket without a Name.");
    buckets.push_back(std::move(bucket));
  }
  return buckets;
}

}  // namespace neon_s3

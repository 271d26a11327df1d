#include "core/s3_request.h"

#include <limits>
#include <set>

#include "core/access_point.h"
#include "core/crc32c.h"
#include "core/crypto.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/error_reply.h"
#include "core/object_key.h"
#include "core/text.h"
#include "core/upload_headers.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

constexpr int kMaxPartNumber = 10000;
constexpr std::size_t kMaxKeysInDelete = 1000;
constexpr std::string_view kXmlType = "application/xml";
constexpr char kCrc32cHeader[] = "x-amz-checksum-crc32c";

[[noreturn]] void RaiseBadArgument(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorCode::kBadArgument, message, hint);
}

S3Request NewRequest(std::string_view operation, std::string_view method, std::string_view bucket) {
  S3Request request;
  request.operation = operation;
  request.method = method;
  request.bucket = bucket;
  return request;
}

S3Request NewRequest(std::string_view operation, std::string_view method, std::string_view bucket,
                     std::string_view key) {
  ValidateObjectKey(key);
  S3Request request = NewRequest(operation, method, bucket);
  request.key = key;
  return request;
}

void AddHeader(const std::string& name, std::string_view value, S3Request* request) {
  RequireWithin(kHeadersLimit, name.size() + value.size());
  if (HasControls(value)) RaiseBadArgument("header \"" + name + "\" has control characters");
  request->headers.push_back({name, SecretString(value)});
}

void AddIfAny(std::string_view name, std::string_view value, QueryParameters* query) {
  if (value.empty()) return;
  RequireWithin(kQueryLimit, name.size() + value.size());
  query->Add(name, value);
}

void AddMetadata(const Metadata& metadata, S3Request* request) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : metadata) bytes += name.size() + value.size();
  RequireWithin(kMetadataLimit, bytes);
  std::set<std::string> names;
  for (const auto& [name, value] : metadata) {
    const std::string lower = LowerCase(name);
    if (!IsToken(name)) {
      RaiseBadArgument("invalid metadata name \"" + WithoutControls(name) + "\"",
                       "It becomes a part of a header's name: use letters, digits, and \"-\".");
    }
    if (!names.insert(lower).second) RaiseBadArgument("metadata \"" + lower + "\" is given twice");
    if (HasControls(value)) RaiseBadArgument("metadata \"" + lower + "\" has control characters");
    AddHeader("x-amz-meta-" + lower, WithoutOuterSpace(value), request);  // HTTP keeps none
  }
}

void AddAttributes(const ObjectAttributes& attributes, S3Request* request) {
  if (attributes.content_type) {
    ValidateContentType(*attributes.content_type);
    AddHeader("content-type", *attributes.content_type, request);
  }
  AddMetadata(attributes.metadata, request);
}

// S3 wants a checksum of documents: Amazon takes any, and older servers know MD5 only.
void SetDocument(std::string document, std::string_view content_type, S3Request* request) {
  request->document = std::move(document);
  AddHeader("content-type", content_type, request);
  if (const auto md5 = Md5(request->document)) {
    return AddHeader("content-md5", Base64(AsView(*md5)), request);
  }
  const Sha256Digest sha256 = Sha256().Digest(request->document);
  AddHeader("x-amz-checksum-sha256", Base64(AsView(sha256)), request);
}

void RequireNewObject(S3Request* request) {
  AddHeader("if-none-match", "*", request);
  request->retry = Retry::kUnsafe;  // it would meet the object that it made itself
}

// An empty one would make another operation of it: the deletion of the object, say.
void AddUploadId(std::string_view upload_id, S3Request* request) {
  if (upload_id.empty()) RaiseBadArgument("upload_id is empty");
  AddIfAny("uploadId", upload_id, &request->query);
}

void CheckPartNumber(int part_number) {
  if (part_number >= 1 && part_number <= kMaxPartNumber) return;
  RaiseBadArgument("part number " + std::to_string(part_number) + " is not between 1 and 10000");
}

std::string Quoted(std::string_view etag) { return "\"" + std::string(WithoutQuotes(etag)) + "\""; }

std::string PartsDocument(const std::vector<CompletedPart>& parts) {
  if (parts.empty()) RaiseBadArgument("an upload is completed with one part at least");
  pugi::xml_document document;
  const pugi::xml_node root = AppendS3Root(&document, "CompleteMultipartUpload");
  int last = 0;
  for (const CompletedPart& part : parts) {
    CheckPartNumber(part.part_number);
    if (part.part_number <= last) {
      RaiseBadArgument("part " + std::to_string(part.part_number) + " comes after part " +
                       std::to_string(last));
    }
    last = part.part_number;
    const std::string_view etag = WithoutQuotes(part.etag);
    if (etag.empty() || HasControls(etag)) {
      RaiseBadArgument("invalid ETag \"" + WithoutControls(etag) + "\"");
    }
    const pugi::xml_node element = AppendElement(root, "Part");
    AppendElement(element, "PartNumber", std::to_string(part.part_number));
    AppendElement(element, "ETag", Quoted(part.etag));
    for (const auto& [name, value] : part.checksums) {
      if (!value.empty()) AppendElement(element, name.c_str(), value);
    }
  }
  return ToText(document);
}

S3Request SubresourceRequest(std::string_view operation, std::string_view method,
                             std::string_view bucket, std::string_view subresource) {
  S3Request request = NewRequest(operation, method, bucket);
  request.query.Add(subresource, "");
  return request;
}

}  // namespace

S3Request GetObject(std::string_view bucket, std::string_view key, std::string_view version_id) {
  S3Request request = NewRequest("GetObject", "GET", bucket, key);
  AddIfAny("versionId", version_id, &request.query);
  request.is_object_body = true;
  return request;
}

void SetRange(const ByteRange& range, S3Request* request) {
  const auto [start, length] = range;
  if (start < 0) RaiseBadArgument("range_start " + std::to_string(start) + " is less than 0");
  if (length && *length < 1) {
    RaiseBadArgument("range_length " + std::to_string(*length) + " is less than 1");
  }
  request->range = range;
  std::string text = "bytes=" + std::to_string(start) + "-";
  if (length && *length - 1 <= std::numeric_limits<std::int64_t>::max() - start) {
    AppendDecimal(start + (*length - 1), &text);
  } else {
    request->range->length.reset();
  }
  AddHeader("range", text, request);
}

void SetIfMatch(std::string_view etag, S3Request* request) {
  if (etag.empty()) return;
  if (WithoutQuotes(etag).empty() || HasControls(etag))
    RaiseMalformedReply("The ETag \"" + WithoutControls(etag) + "\" is invalid.");
  request->etag = etag;
  if (!IsWeakETag(etag)) AddHeader("if-match", Quoted(etag), request);
}

S3Request HeadObject(std::string_view bucket, std::string_view key, std::string_view version_id) {
  S3Request request = NewRequest("HeadObject", "HEAD", bucket, key);
  AddIfAny("versionId", version_id, &request.query);
  return request;
}

S3Request PutObject(std::string_view bucket, std::string_view key, std::string_view body,
                    const ObjectAttributes& attributes, bool overwrite) {
  S3Request request = NewRequest("PutObject", "PUT", bucket, key);
  AddAttributes(attributes, &request);
  request.payload = body;
  AddHeader(kCrc32cHeader, Crc32cBase64(body), &request);
  if (!overwrite) RequireNewObject(&request);
  return request;
}

S3Request CopyObject(std::string_view source_bucket, std::string_view source_key,
                     std::string_view bucket, std::string_view key,
                     std::string_view source_version_id) {
  ValidateObjectKey(source_key);
  S3Request request = NewRequest("CopyObject", "PUT", bucket, key);
  request.source = {std::string(source_bucket), std::string(source_key)};
  std::string source = CopySourceOf(source_bucket, source_key);
  if (!source_version_id.empty()) {
    RequireWithin(kHeadersLimit, source_version_id.size());
    source.append("?versionId=");
    AppendUriEncoded(source_version_id, &source);
  }
  AddHeader("x-amz-copy-source", source, &request);
  return request;
}

S3Request DeleteObject(std::string_view bucket, std::string_view key, std::string_view version_id) {
  S3Request request = NewRequest("DeleteObject", "DELETE", bucket, key);
  AddIfAny("versionId", version_id, &request.query);
  return request;
}

S3Request DeleteObjects(std::string_view bucket, const std::vector<std::string_view>& keys) {
  std::vector<ObjectVersion> versions;
  versions.reserve(keys.size());
  for (const std::string_view key : keys) versions.push_back({key, {}});
  return DeleteObjectVersions(bucket, versions);
}

S3Request DeleteObjectVersions(std::string_view bucket,
                               const std::vector<ObjectVersion>& versions) {
  if (versions.empty() || versions.size() > kMaxKeysInDelete) {
    RaiseBadArgument(std::to_string(versions.size()) + " keys are not between 1 and 1000");
  }
  pugi::xml_document document;
  const pugi::xml_node root = AppendS3Root(&document, "Delete");
  for (const auto& [key, version_id] : versions) {
    ValidateObjectKey(key);
    if (!CanBeInXml(key) || !CanBeInXml(version_id)) {
      RaiseBadArgument("object key \"" + WithoutControls(key) + "\" cannot be written in XML");
    }
    const pugi::xml_node object = AppendElement(root, "Object");
    AppendElement(object, "Key", std::string(key));
    if (!version_id.empty()) AppendElement(object, "VersionId", std::string(version_id));
  }
  S3Request request = SubresourceRequest("DeleteObjects", "POST", bucket, "delete");
  SetDocument(ToText(document), kXmlType, &request);
  return request;
}

S3Request ListObjects(std::string_view bucket, const ListOptions& options) {
  S3Request request = NewRequest("ListObjectsV2", "GET", bucket);
  QueryParameters& query = request.query;
  query.Add("list-type", "2");
  query.Add("encoding-type", "url");
  query.Add("max-keys", std::to_string(options.max_keys));
  AddIfAny("prefix", options.prefix, &query);
  AddIfAny("delimiter", options.delimiter.value_or(std::string_view()), &query);
  AddIfAny("continuation-token", options.continuation_token, &query);
  // Where a listing goes on, its start is behind it.
  if (options.continuation_token.empty()) {
    AddIfAny("start-after", options.start_after.value_or(std::string_view()), &query);
  }
  return request;
}

S3Request ListObjectVersions(std::string_view bucket, const VersionOptions& options) {
  S3Request request = SubresourceRequest("ListObjectVersions", "GET", bucket, "versions");
  QueryParameters& query = request.query;
  query.Add("encoding-type", "url");
  query.Add("max-keys", std::to_string(options.max_keys));
  AddIfAny("prefix", options.prefix, &query);
  AddIfAny("key-marker", options.key_marker, &query);
  AddIfAny("version-id-marker", options.version_id_marker, &query);
  return request;
}

S3Request CreateMultipartUpload(std::string_view bucket, std::string_view key,
                                const ObjectAttributes& attributes, PartChecksum checksum) {
  S3Request request = NewRequest("CreateMultipartUpload", "POST", bucket, key);
  request.query.Add("uploads", "");
  AddAttributes(attributes, &request);
  if (checksum == PartChecksum::kCrc32c) {
    AddHeader("x-amz-checksum-algorithm", "CRC32C", &request);
  }
  return request;
}

S3Request UploadPart(std::string_view bucket, std::string_view key, std::string_view upload_id,
                     int part_number, std::string_view body, PartChecksum checksum) {
  CheckPartNumber(part_number);
  S3Request request = NewRequest("UploadPart", "PUT", bucket, key);
  request.query.Add("partNumber", std::to_string(part_number));
  AddUploadId(upload_id, &request);
  request.payload = body;
  if (checksum == PartChecksum::kCrc32c) AddHeader(kCrc32cHeader, Crc32cBase64(body), &request);
  return request;
}

std::string_view ChecksumOf(const S3Request& request) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == kCrc32cHeader) return header.value;
  }
  return {};
}

void UseMd5(S3Request* request) {
  std::vector<HttpHeader>& headers = request->headers;
  const auto kept = std::remove_if(headers.begin(), headers.end(), [](const HttpHeader& header) {
    return StartsWith(header.name, "x-amz-checksum-");
  });
  headers.erase(kept, headers.end());
  const auto md5 = Md5(request->body());
  if (md5 && request->method == "PUT") {
    AddHeader("content-md5", Base64(AsView(*md5)), request);
  }
}

S3Request CompleteMultipartUpload(std::string_view bucket, std::string_view key,
                                  std::string_view upload_id,
                                  const std::vector<CompletedPart>& parts, bool overwrite) {
  S3Request request = NewRequest("CompleteMultipartUpload", "POST", bucket, key);
  AddUploadId(upload_id, &request);
  request.document = PartsDocument(parts);
  AddHeader("content-type", kXmlType, &request);
  request.retry = Retry::kAnswered;
  if (!overwrite) RequireNewObject(&request);
  return request;
}

S3Request AbortMultipartUpload(std::string_view bucket, std::string_view key,
                               std::string_view upload_id) {
  S3Request request = NewRequest("AbortMultipartUpload", "DELETE", bucket, key);
  AddUploadId(upload_id, &request);
  request.retry = Retry::kAnswered;
  return request;
}

S3Request ListParts(std::string_view bucket, std::string_view key, std::string_view upload_id,
                    int part_number_marker) {
  S3Request request = NewRequest("ListParts", "GET", bucket, key);
  AddUploadId(upload_id, &request);
  if (part_number_marker > 0)
    request.query.Add("part-number-marker", std::to_string(part_number_marker));
  return request;
}

S3Request ListMultipartUploads(std::string_view bucket, std::string_view prefix,
                               std::string_view key_marker, std::string_view upload_id_marker) {
  // Not URL-encoded: Ceph would encode the keys, but neither the markers, nor say so.
  S3Request request = SubresourceRequest("ListMultipartUploads", "GET", bucket, "uploads");
  AddIfAny("prefix", prefix, &request.query);
  AddIfAny("key-marker", key_marker, &request.query);
  AddIfAny("upload-id-marker", upload_id_marker, &request.query);
  return request;
}

S3Request CreateBucket(std::string_view bucket, std::string_view region, bool constrain) {
  RequireBucketItself(bucket);
  S3Request request = NewRequest("CreateBucket", "PUT", bucket);
  request.retry = Retry::kUnsafe;  // it would meet the bucket that it made itself
  if (!constrain || region == "us-east-1") return request;
  pugi::xml_document document;
  const pugi::xml_node root = AppendS3Root(&document, "CreateBucketConfiguration");
  AppendElement(root, "LocationConstraint", std::string(region));
  SetDocument(ToText(document), kXmlType, &request);
  return request;
}

S3Request DeleteBucket(std::string_view bucket) {
  RequireBucketItself(bucket);
  S3Request request = NewRequest("DeleteBucket", "DELETE", bucket);
  request.retry = Retry::kUnsafe;  // it would miss the bucket that it deleted itself
  return request;
}

S3Request HeadBucket(std::string_view bucket) { return NewRequest("HeadBucket", "HEAD", bucket); }

S3Request ListBuckets() { return NewRequest("ListBuckets", "GET", {}); }

S3Request PutBucketConfig(std::string_view bucket, BucketConfig config, std::string document) {
  const BucketConfigNames& names = NamesOf(config);
  S3Request request = SubresourceRequest(names.put, "PUT", bucket, names.subresource);
  SetDocument(std::move(document), names.content_type, &request);
  return request;
}

S3Request GetBucketConfig(std::string_view bucket, BucketConfig config) {
  const BucketConfigNames& names = NamesOf(config);
  return SubresourceRequest(names.get, "GET", bucket, names.subresource);
}

S3Request DeleteBucketConfig(std::string_view bucket, BucketConfig config) {
  const BucketConfigNames& names = NamesOf(config);
  return SubresourceRequest(names.remove, "DELETE", bucket, names.subresource);
}

S3Request PreflightObject(std::string_view bucket, std::string_view key, std::string_view origin,
                          std::string_view method) {
  S3Request request = NewRequest("Preflight", "OPTIONS", bucket, key);
  AddHeader("origin", origin, &request);
  AddHeader("access-control-request-method", method, &request);
  AddHeader("access-control-request-headers", "content-type", &request);
  return request;
}

}  // namespace neon_s3

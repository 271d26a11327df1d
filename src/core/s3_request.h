// The requests of S3's operations, under AWS's names: what is asked, not yet of whom and as whom.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
//
// All texts are valid UTF-8, bucket names are valid (endpoint.h). kBadArgument for keys that the
// contract does not take (object_key.h), and for what can't be sent; kTooLarge for what no server
// takes (limits.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bucket_config.h"
#include "core/http_message.h"
#include "core/sigv4.h"

namespace neon_s3 {

// What happens when a request that may have been done already is sent once more.
enum class Retry {
  kHarmless,  // the same as once
  kAnswered,  // the reply to the second is another one, from which the caller can tell
  kUnsafe,    // something else: only what certainly was not done is sent again
};

struct ObjectName {
  std::string bucket, key;
};

struct S3Request {
  std::string_view operation;  // AWS's name, a literal: "PutObject"
  std::string_view method;     // upper case, a literal
  std::string bucket;          // empty: the service itself
  std::optional<std::string> key;
  QueryParameters query;
  std::vector<HttpHeader> headers;  // more to send and sign; no host, no x-amz-date and the like
  std::string document;             // the body, where it is made here
  std::string_view payload;         // the caller's body, good until the request is done
  Retry retry = Retry::kHarmless;
  std::optional<ObjectName> source;  // of CopyObject

  // Of GetObject, whose response has an object's body, not a document of S3's:
  bool is_object_body = false;
  std::optional<ByteRange> range;
  std::string etag;                  // what the object's must be; empty: any
  std::optional<std::int64_t> size;  // what the whole object's size must be
  bool lends_memory = false;         // the caller has memory for a large body (S3Client::Lend())

  std::string_view body() const { return payload.data() != nullptr ? payload : document; }
};

// Names are tokens, in lower case; values are sent as they are, without spaces at their ends, which
// HTTP doesn't keep.
using Metadata = std::vector<std::pair<std::string, std::string>>;  // names without "x-amz-meta-"

// What an upload says about its object; nothing where a text is none or a list is empty.
struct ObjectAttributes {
  std::optional<std::string_view> content_type;
  Metadata metadata;
};

S3Request GetObject(std::string_view bucket, std::string_view key,
                    std::string_view version_id = {});
// kBadArgument where `start` is negative, or `length` is less than 1.
void SetRange(const ByteRange& range, S3Request* request);
// Only where the object still has this ETag, which came with an earlier reply, or was empty there.
// A weak one never matches a condition (RFC 9110 section 13.1.1): it is compared with that of the
// reply alone.
void SetIfMatch(std::string_view etag, S3Request* request);

S3Request HeadObject(std::string_view bucket, std::string_view key,
                     std::string_view version_id = {});

// overwrite false: only where there is no such object (if-none-match: *), which makes it
// Retry::kUnsafe.
S3Request PutObject(std::string_view bucket, std::string_view key, std::string_view body,
                    const ObjectAttributes& attributes, bool overwrite);

S3Request CopyObject(std::string_view source_bucket, std::string_view source_key,
                     std::string_view bucket, std::string_view key,
                     std::string_view source_version_id = {});

S3Request DeleteObject(std::string_view bucket, std::string_view key,
                       std::string_view version_id = {});

// 1 to 1000 keys, each of which CanBeInXml().
S3Request DeleteObjects(std::string_view bucket, const std::vector<std::string_view>& keys);
struct ObjectVersion {
  std::string_view key;
  std::string_view version_id;  // empty: the object, whatever its version
};
S3Request DeleteObjectVersions(std::string_view bucket, const std::vector<ObjectVersion>& versions);

struct ListOptions {
  std::string_view prefix;
  std::optional<std::string_view> delimiter;
  std::optional<std::string_view> start_after;
  std::string_view continuation_token;
  int max_keys = 1000;
};
// ListObjectsV2, with keys URL-encoded in the reply.
S3Request ListObjects(std::string_view bucket, const ListOptions& options);

struct VersionOptions {
  std::string_view prefix;
  std::string_view key_marker, version_id_marker;  // where the last page ended
  int max_keys = 1000;
};
// With keys URL-encoded in the reply.
S3Request ListObjectVersions(std::string_view bucket, const VersionOptions& options);

// Where parts have a CRC-32C, S3 wants to know of it from the start, and to hear it again at the
// end.
enum class PartChecksum { kNone, kCrc32c };
S3Request CreateMultipartUpload(std::string_view bucket, std::string_view key,
                                const ObjectAttributes& attributes,
                                PartChecksum checksum = PartChecksum::kNone);
S3Request UploadPart(std::string_view bucket, std::string_view key, std::string_view upload_id,
                     int part_number, std::string_view body,
                     PartChecksum checksum = PartChecksum::kNone);
// The CRC-32C that a request's body was given, in base64; empty where it has none.
std::string_view ChecksumOf(const S3Request& request);
// Content-MD5 in place of other checksums, for servers that know no others.
void UseMd5(S3Request* request);

struct CompletedPart {
  int part_number;                                               // 1 to 10000, ascending
  std::string etag;                                              // with or without its quotes
  std::vector<std::pair<std::string, std::string>> checksums{};  // by AWS's name: "ChecksumCRC32"
};
// Retry::kAnswered, and so is AbortMultipartUpload.
S3Request CompleteMultipartUpload(std::string_view bucket, std::string_view key,
                                  std::string_view upload_id,
                                  const std::vector<CompletedPart>& parts, bool overwrite = true);
S3Request AbortMultipartUpload(std::string_view bucket, std::string_view key,
                               std::string_view upload_id);
S3Request ListParts(std::string_view bucket, std::string_view key, std::string_view upload_id,
                    int part_number_marker);
S3Request ListMultipartUploads(std::string_view bucket, std::string_view prefix,
                               std::string_view key_marker, std::string_view upload_id_marker);

// A region other than us-east-1 is named in the body, as Amazon wants it; `constrain` false leaves
// it out.
S3Request CreateBucket(std::string_view bucket, std::string_view region, bool constrain);
S3Request DeleteBucket(std::string_view bucket);
S3Request HeadBucket(std::string_view bucket);
S3Request ListBuckets();

S3Request PutBucketConfig(std::string_view bucket, BucketConfig config, std::string document);
S3Request GetBucketConfig(std::string_view bucket, BucketConfig config);
S3Request DeleteBucketConfig(std::string_view bucket, BucketConfig config);

// What a browser asks before it sends a request of that method, with a content type, from a page of
// `origin` (CORS).
// https://fetch.spec.whatwg.org/#cors-preflight-fetch
S3Request PreflightObject(std::string_view bucket, std::string_view key, std::string_view origin,
                          std::string_view method);

}  // namespace neon_s3

#include "core/s3_request.h"

#include <limits>

#include <gtest/gtest.h>

#include "core/endpoint.h"
#include "core/request_signer.h"
#include "core/xml.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

constexpr std::string_view kXmlns = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string HeaderOf(const S3Request& request, const std::string& name) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == name) return std::string(header.value);
  }
  return "none";
}

// "METHOD path?query header: value …", without the integrity header of a document.
std::string Line(const S3Request& request) {
  const HttpRequest http =
      WithoutSignature(request, {"https", "h", request.bucket.empty() ? "" : "/" + request.bucket});
  std::string line = http.method + " " + http.url.substr(std::string("https://h").size());
  for (const HttpHeader& header : http.headers) {
    if (header.name == "content-md5" || header.name == "x-amz-checksum-crc32c") continue;
    line.append(" ").append(header.name).append(": ").append(header.value);
  }
  return line;
}

TEST(S3Request, OfObjectsIsAsAmazonHasIt) {
  EXPECT_EQ(Line(GetObject("files", "a b/c")), "GET /files/a%20b/c");
  EXPECT_EQ(Line(GetObject("files", "a", "v1")), "GET /files/a?versionId=v1");
  EXPECT_EQ(Line(HeadObject("files", "a")), "HEAD /files/a");
  EXPECT_EQ(Line(HeadObject("files", "a", "v1")), "HEAD /files/a?versionId=v1");
  EXPECT_EQ(Line(DeleteObject("files", "a")), "DELETE /files/a");
  EXPECT_EQ(Line(DeleteObject("files", "a", "v1")), "DELETE /files/a?versionId=v1");
  EXPECT_EQ(Line(CopyObject("from", "d/\xc3\xa4 +?%", "files", "a")),
            "PUT /files/a x-amz-copy-source: from/d/%C3%A4%20%2B%3F%25");
  EXPECT_EQ(Line(PutObject("files", "a", "x", {}, true)), "PUT /files/a");
  EXPECT_EQ(
      Line(PutObject("files", "a", "x", {"text/plain", {{"B", " 1 "}, {"a", "\xc3\xa9"}}}, false)),
      "PUT /files/a content-type: text/plain x-amz-meta-b: 1 x-amz-meta-a: \xc3\xa9 if-none-match: "
      "*");
}

TEST(S3Request, OfMultipartUploadsIsAsAmazonHasIt) {
  EXPECT_EQ(Line(CreateMultipartUpload("files", "a", {"text/plain", {{"k", "v"}}})),
            "POST /files/a?uploads= content-type: text/plain x-amz-meta-k: v");
  EXPECT_EQ(Line(UploadPart("files", "a", "u/1", 10000, "x")),
            "PUT /files/a?partNumber=10000&uploadId=u%2F1");
  EXPECT_EQ(Line(AbortMultipartUpload("files", "a", "u")), "DELETE /files/a?uploadId=u");
  EXPECT_EQ(Line(ListParts("files", "a", "u", 0)), "GET /files/a?uploadId=u");
  EXPECT_EQ(Line(ListParts("files", "a", "u", 7)), "GET /files/a?part-number-marker=7&uploadId=u");
  EXPECT_EQ(Line(ListMultipartUploads("files", "", "", "")), "GET /files?uploads=");
  EXPECT_EQ(Line(ListMultipartUploads("files", "p/", "k", "u")),
            "GET /files?key-marker=k&prefix=p%2F&upload-id-marker=u&uploads=");
  const S3Request complete = CompleteMultipartUpload(
      "files", "a", "u", {{1, "x", {{"ChecksumCRC32", "AAAAAA=="}}}, {3, "\"y\""}});
  EXPECT_EQ(Line(complete), "POST /files/a?uploadId=u content-type: application/xml");
  EXPECT_EQ(complete.body(), "<CompleteMultipartUpload" + std::string(kXmlns) +
                                 "><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag>"
                                 "<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"
                                 "<Part><PartNumber>3</PartNumber><ETag>\"y\"</ETag></Part>"
                                 "</CompleteMultipartUpload>");
  EXPECT_EQ(
      HeaderOf(CompleteMultipartUpload("files", "a", "u", {{1, "x"}}, false), "if-none-match"),
      "*");
}

TEST(S3Request, OfListingsIsAsAmazonHasIt) {
  EXPECT_EQ(Line(ListObjects("files", {})),
            "GET /files?encoding-type=url&list-type=2&max-keys=1000");
  EXPECT_EQ(Line(ListObjects("files", {"p/", "/", "p/a", "", 5})),
            "GET "
            "/files?delimiter=%2F&encoding-type=url&list-type=2&max-keys=5&prefix=p%2F&start-after="
            "p%2Fa");
  // A listing that goes on has its start behind it.
  EXPECT_EQ(Line(ListObjects("files", {"", std::nullopt, "p/a", "t=", 1000})),
            "GET /files?continuation-token=t%3D&encoding-type=url&list-type=2&max-keys=1000");
}

TEST(S3Request, OfBucketsIsAsAmazonHasIt) {
  EXPECT_EQ(Line(HeadBucket("files")), "HEAD /files");
  EXPECT_EQ(Line(DeleteBucket("files")), "DELETE /files");
  EXPECT_EQ(Line(ListBuckets()), "GET /");
  EXPECT_EQ(Line(CreateBucket("files", "us-east-1", true)), "PUT /files");
  EXPECT_EQ(CreateBucket("files", "us-east-1", true).body(), "");
  EXPECT_EQ(CreateBucket("files", "eu-central-1", false).body(), "");
  EXPECT_EQ(
      CreateBucket("files", "eu-central-1", true).body(),
      "<CreateBucketConfiguration" + std::string(kXmlns) +
          "><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>");
}

TEST(S3Request, OfVersionsIsAsAmazonHasIt) {
  EXPECT_EQ(Line(ListObjectVersions("files", {})),
            "GET /files?encoding-type=url&max-keys=1000&versions=");
  EXPECT_EQ(Line(ListObjectVersions("files", {"p/", "p/a", "v", 7})),
            "GET /files?encoding-type=url&key-marker=p%2Fa&max-keys=7&prefix=p%2F"
            "&version-id-marker=v&versions=");
  EXPECT_EQ(HeaderOf(CopyObject("files", "a b?", "files", "c", "v+1"), "x-amz-copy-source"),
            "files/a%20b%3F?versionId=v%2B1");
}

TEST(S3Request, OfPreflightsIsAsBrowsersHaveIt) {
  EXPECT_EQ(Line(PreflightObject("files", "a", "https://app.example.com", "PUT")),
            "OPTIONS /files/a origin: https://app.example.com access-control-request-method: PUT"
            " access-control-request-headers: content-type");
  EXPECT_ERROR(ErrorCode::kBadArgument, PreflightObject("files", "a", "x\r\ny: z", "PUT"));
}

TEST(S3Request, OfConfigurationsIsAsAmazonHasIt) {
  const struct {
    BucketConfig config;
    const char *name, *put, *get, *remove, *type;
  } cases[] = {
      {BucketConfig::kCors, "cors", "PutBucketCors", "GetBucketCors", "DeleteBucketCors",
       "application/xml"},
      {BucketConfig::kPolicy, "policy", "PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy",
       "application/json"},
      {BucketConfig::kLifecycle, "lifecycle", "PutBucketLifecycleConfiguration",
       "GetBucketLifecycleConfiguration", "DeleteBucketLifecycle", "application/xml"},
      {BucketConfig::kPublicAccessBlock, "publicAccessBlock", "PutPublicAccessBlock",
       "GetPublicAccessBlock", "DeletePublicAccessBlock", "application/xml"},
  };
  for (const auto& known : cases) {
    const std::string query = std::string("?") + known.name + "=";
    const S3Request put = PutBucketConfig("files", known.config, "document");
    EXPECT_EQ(put.operation, known.put);
    EXPECT_EQ(Line(put), "PUT /files" + query + " content-type: " + known.type);
    EXPECT_EQ(put.body(), "document");
    EXPECT_EQ(GetBucketConfig("files", known.config).operation, known.get);
    EXPECT_EQ(Line(GetBucketConfig("files", known.config)), "GET /files" + query);
    EXPECT_EQ(DeleteBucketConfig("files", known.config).operation, known.remove);
    EXPECT_EQ(Line(DeleteBucketConfig("files", known.config)), "DELETE /files" + query);
  }
}

TEST(S3Request, DeletesKeysOfAnyKind) {
  const S3Request request = DeleteObjects("files", {"a", " b<&>\"'\t\n", "\xc3\xa9\xc2\x85"});
  EXPECT_EQ(Line(request), "POST /files?delete= content-type: application/xml");
  EXPECT_EQ(request.body(),
            "<Delete" + std::string(kXmlns) +
                "><Object><Key>a</Key></Object><Object><Key> b&lt;&amp;&gt;\"'\t\n</Key></Object>"
                "<Object><Key>\xc3\xa9\xc2\x85</Key></Object></Delete>");
  // printf %s "$body" | openssl md5 -binary | base64
  EXPECT_EQ(HeaderOf(DeleteObjects("files", {"a"}), "content-md5"), "JuqpggSF4mbwhmPoLCy7DQ==");
}

TEST(S3Request, DeletesVersions) {
  EXPECT_EQ(DeleteObjectVersions("files", {{"a", "v<1>"}, {"b", {}}}).body(),
            "<Delete" + std::string(kXmlns) +
                "><Object><Key>a</Key><VersionId>v&lt;1&gt;</VersionId></Object>"
                "<Object><Key>b</Key></Object></Delete>");
  EXPECT_ERROR(ErrorCode::kBadArgument, DeleteObjectVersions("files", {{"a", "\x01"}, {"b", {}}}));
}

TEST(S3Request, DeletesFromOneToAThousandKeys) {
  EXPECT_EQ(ErrorOf([] { DeleteObjects("files", {}); }).code(), ErrorCode::kBadArgument);
  EXPECT_EQ(
      ErrorOf([] { DeleteObjects("files", std::vector<std::string_view>(1001, "a")); }).code(),
      ErrorCode::kBadArgument);
  EXPECT_NO_THROW(DeleteObjects("files", std::vector<std::string_view>(1000, "a")));
}

TEST(S3Request, KnowsWhatXmlCannotWrite) {
  using namespace std::string_view_literals;
  for (const std::string_view key :
       {"a\rb"sv, "\x01"sv, "\x1f"sv, "a\0b"sv, "\xef\xbf\xbe"sv, "\xef\xbf\xbf"sv}) {
    EXPECT_FALSE(CanBeInXml(key));
    EXPECT_EQ(ErrorOf([&] { DeleteObjects("files", {"a", key}); }).code(), ErrorCode::kBadArgument);
  }
  for (const std::string_view key :
       {"a\t\nb"sv, "\x7f"sv, "\xc2\x80"sv, "\xef\xbf\xbd"sv, "\xf0\x9f\x98\x80"sv}) {
    EXPECT_TRUE(CanBeInXml(key));
  }
}

std::string RangeOf(std::int64_t start, std::optional<std::int64_t> length) {
  S3Request request = GetObject("files", "a");
  SetRange({start, length}, &request);
  return HeaderOf(request, "range");
}

TEST(SetRange, WritesBytes) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(RangeOf(0, std::nullopt), "bytes=0-");
  EXPECT_EQ(RangeOf(7, std::nullopt), "bytes=7-");
  EXPECT_EQ(RangeOf(0, 10), "bytes=0-9");
  EXPECT_EQ(RangeOf(5, 1), "bytes=5-5");
  EXPECT_EQ(RangeOf(0, kMax), "bytes=0-9223372036854775806");
  EXPECT_EQ(RangeOf(1, kMax), "bytes=1-9223372036854775807");
  EXPECT_EQ(RangeOf(2, kMax), "bytes=2-");
  EXPECT_EQ(RangeOf(kMax, kMax), "bytes=9223372036854775807-");
}

TEST(SetRange, RefusesWhatHttpCannotSay) {
  EXPECT_EQ(ErrorOf([] { RangeOf(0, 0); }).code(), ErrorCode::kBadArgument);
  EXPECT_STREQ(ErrorOf([] { RangeOf(0, -1); }).what(), "range_length -1 is less than 1");
  EXPECT_STREQ(ErrorOf([] { RangeOf(-1, 5); }).what(), "range_start -1 is less than 0");
}

TEST(S3Request, QuotesTheEtagItMatches) {
  S3Request request = GetObject("files", "a");
  SetIfMatch("abc-2", &request);
  SetIfMatch("\"def\"", &request);
  EXPECT_EQ(request.headers[0].value, "\"abc-2\"");
  EXPECT_EQ(request.headers[1].value, "\"def\"");
  EXPECT_EQ(request.etag, "\"def\"");
  EXPECT_ERROR(ErrorCode::kMalformedReply, SetIfMatch("a\r\nb", &request));
}

TEST(S3Request, MatchesNoWeakETagNorNone) {
  for (const char* etag : {"", "W/\"abc\""}) {
    S3Request request = GetObject("files", "a");
    SetIfMatch(etag, &request);
    EXPECT_EQ(HeaderOf(request, "if-match"), "none");
    EXPECT_EQ(request.etag, etag);
  }
}

TEST(S3Request, HasTheChecksumOfItsBody) {
  // The check value of CRC-32C: e3069283.
  S3Request put = PutObject("files", "a", "123456789", {}, true);
  EXPECT_EQ(HeaderOf(put, "x-amz-checksum-crc32c"), "4waSgw==");
  EXPECT_EQ(HeaderOf(PutObject("files", "a", "", {}, true), "x-amz-checksum-crc32c"), "AAAAAA==");
  const S3Request part = UploadPart("files", "a", "u", 1, "123456789", PartChecksum::kCrc32c);
  EXPECT_EQ(ChecksumOf(part), "4waSgw==");
  EXPECT_EQ(ChecksumOf(UploadPart("files", "a", "u", 1, "123456789")), "");
  S3Request create = CreateMultipartUpload("files", "a", {}, PartChecksum::kCrc32c);
  EXPECT_EQ(HeaderOf(create, "x-amz-checksum-algorithm"), "CRC32C");
  EXPECT_NE(CompleteMultipartUpload("files", "a", "u", {{1, "x", {{"ChecksumCRC32C", "4waSgw=="}}}})
                .body()
                .find("<ETag>\"x\"</ETag><ChecksumCRC32C>4waSgw==</ChecksumCRC32C>"),
            std::string_view::npos);

  UseMd5(&put);
  EXPECT_EQ(ChecksumOf(put), "");
  EXPECT_EQ(HeaderOf(put, "content-md5"), "JfnnlDI7RTiF9RgfG2JNCw==");
  UseMd5(&create);
  EXPECT_EQ(HeaderOf(create, "x-amz-checksum-algorithm"), "none");
  EXPECT_EQ(HeaderOf(create, "content-md5"), "none");
}

TEST(S3Request, TakesValidKeysOnly) {
  for (const char* key : {"", "a/../b"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, GetObject("files", key));
    EXPECT_ERROR(ErrorCode::kBadArgument, PutObject("files", key, "", {}, true));
    EXPECT_ERROR(ErrorCode::kBadArgument, CopyObject("files", key, "files", "a"));
    EXPECT_ERROR(ErrorCode::kBadArgument, CopyObject("files", "a", "files", key));
    EXPECT_ERROR(ErrorCode::kBadArgument, DeleteObjects("files", {"a", key}));
    EXPECT_ERROR(ErrorCode::kBadArgument, AbortMultipartUpload("files", key, "u"));
  }
  EXPECT_ERROR(ErrorCode::kBadArgument, CopyObject("a/b", "a", "files", "a"));
}

TEST(S3Request, RefusesMetadataThatIsNone) {
  const auto refusal = [](const Metadata& metadata) {
    const Error error = ErrorOf([&] {
      PutObject("files", "a", "", {std::nullopt, metadata}, true);
    });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    return std::string(error.what());
  };
  EXPECT_EQ(refusal({{"", "x"}}), "invalid metadata name \"\"");
  EXPECT_EQ(refusal({{"a b", "x"}}), "invalid metadata name \"a b\"");
  EXPECT_EQ(refusal({{"a\r\n:", "x"}}), "invalid metadata name \"a:\"");
  EXPECT_EQ(refusal({{"\xc3\xa9", "x"}}), "invalid metadata name \"\xc3\xa9\"");
  EXPECT_EQ(refusal({{"Kind", "1"}, {"kind", "2"}}), "metadata \"kind\" is given twice");
  EXPECT_EQ(refusal({{"k", "a\r\nx-amz-acl: public-read"}}),
            "metadata \"k\" has control characters");
  EXPECT_EQ(refusal({{"k", "a\tb"}}), "metadata \"k\" has control characters");
  EXPECT_EQ(
      HeaderOf(PutObject("files", "a", "", {std::nullopt, {{"k", "  "}}}, true), "x-amz-meta-k"),
      "");
}

TEST(S3Request, RefusesBadContentTypes) {
  EXPECT_ERROR(ErrorCode::kBadArgument, PutObject("files", "a", "", {"", {}}, true));
  EXPECT_ERROR(ErrorCode::kBadArgument,
               CreateMultipartUpload("files", "a", {"text/plain\r\nx: y", {}}));
}

TEST(S3Request, RefusesPartsThatAreNone) {
  const auto refusal = [](const std::vector<CompletedPart>& parts) {
    const Error error = ErrorOf([&] { CompleteMultipartUpload("files", "a", "u", parts); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    return std::string(error.what());
  };
  EXPECT_EQ(refusal({}), "an upload is completed with one part at least");
  EXPECT_EQ(refusal({{0, "x"}}), "part number 0 is not between 1 and 10000");
  EXPECT_EQ(refusal({{10001, "x"}}), "part number 10001 is not between 1 and 10000");
  EXPECT_EQ(refusal({{2, "x"}, {2, "y"}}), "part 2 comes after part 2");
  EXPECT_EQ(refusal({{2, "x"}, {1, "y"}}), "part 1 comes after part 2");
  EXPECT_EQ(refusal({{1, ""}}), "invalid ETag \"\"");
  EXPECT_EQ(refusal({{1, "\"\""}}), "invalid ETag \"\"");
  EXPECT_EQ(refusal({{1, "a\nb"}}), "invalid ETag \"ab\"");
  EXPECT_ERROR(ErrorCode::kBadArgument, UploadPart("files", "a", "u", 0, ""));
  EXPECT_ERROR(ErrorCode::kBadArgument, UploadPart("files", "a", "u", 10001, ""));
}

// DELETE without an upload's id deletes the object.
TEST(S3Request, NeedsAnUploadsId) {
  EXPECT_ERROR(ErrorCode::kBadArgument, AbortMultipartUpload("files", "a", ""));
  EXPECT_ERROR(ErrorCode::kBadArgument, UploadPart("files", "a", "", 1, ""));
  EXPECT_ERROR(ErrorCode::kBadArgument, ListParts("files", "a", "", 0));
  EXPECT_ERROR(ErrorCode::kBadArgument, CompleteMultipartUpload("files", "a", "", {{1, "x"}}));
}

TEST(S3Request, SaysWhatMayBeRetried) {
  EXPECT_EQ(PutObject("files", "a", "", {}, true).retry, Retry::kHarmless);
  EXPECT_EQ(PutObject("files", "a", "", {}, false).retry, Retry::kUnsafe);
  EXPECT_EQ(CompleteMultipartUpload("files", "a", "u", {{1, "x", {}}}, true).retry,
            Retry::kAnswered);
  EXPECT_EQ(CompleteMultipartUpload("files", "a", "u", {{1, "x", {}}}, false).retry,
            Retry::kUnsafe);
  EXPECT_EQ(AbortMultipartUpload("files", "a", "u").retry, Retry::kAnswered);
  EXPECT_EQ(CreateBucket("files", "us-east-1", true).retry, Retry::kUnsafe);
  EXPECT_EQ(DeleteBucket("files").retry, Retry::kUnsafe);
  EXPECT_EQ(DeleteObjects("files", {"a"}).retry, Retry::kHarmless);
}

TEST(S3Request, TellsObjectsFromDocuments) {
  EXPECT_TRUE(GetObject("files", "a").is_object_body);
  EXPECT_FALSE(ListObjects("files", {}).is_object_body);
  EXPECT_EQ(PutObject("files", "a", "payload", {}, true).body(), "payload");
  EXPECT_EQ(PutObject("files", "a", "", {}, true).body(), "");
}

TEST(S3Request, RefusesWhatNoServerTakes) {
  const std::string huge(100'000'000, 'v');
  const auto put = [](const Metadata& metadata) {
    PutObject("files", "a", "", {std::nullopt, metadata}, true);
  };
  EXPECT_NO_THROW(put({{"a", std::string(2047, 'v')}}));
  EXPECT_ERROR(ErrorCode::kTooLarge, put({{"a", std::string(2047, 'v')}, {"b", ""}}));
  EXPECT_ERROR(ErrorCode::kTooLarge, PutObject("files", "a", "", {huge, {}}, true));
  EXPECT_ERROR(ErrorCode::kTooLarge, GetObject("files", "a", huge));
  EXPECT_ERROR(ErrorCode::kTooLarge, AbortMultipartUpload("files", "a", huge));
  EXPECT_ERROR(ErrorCode::kTooLarge, ListObjects("files", {huge, {}, {}, {}}));
}

}  // namespace
}  // namespace neon_s3

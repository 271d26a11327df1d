#include "core/s3_response.h"

#include <random>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

constexpr std::int64_t kNoon = 1769860800000000;  // 2026-01-31 12:00:00 UTC

HttpResponse Reply(int status, std::vector<HttpHeader> headers, std::string_view body = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = body;
  return response;
}

TEST(ObjectInfo, IsReadFromTheHeaders) {
  const ObjectInfo info =
      ParseObjectInfo(Reply(200, {{"CONTENT-LENGTH", "5497558138880"},
                                  {"ETag", "\"9b2cf535f27731c974343645a3985328-2\""},
                                  {"content-type", "text/plain; charset=utf-8"},
                                  {"x-amz-version-id", "v1"},
                                  {"x-amz-storage-class", "GLACIER"},
                                  {"Last-Modified", "Sat, 31 Jan 2026 12:00:00 GMT"},
                                  {"X-Amz-Meta-Author", "J\xc3\xb6rg"},
                                  {"x-amz-meta-title", "=?UTF-8?Q?caf=C3=A9?="},
                                  {"x-amz-meta-tag", "a"},
                                  {"x-amz-meta-TAG", "b"},
                                  {"x-amz-meta-empty", ""},
                                  {"x-amz-other", "no"}}));
  EXPECT_EQ(info.size, 5497558138880);
  EXPECT_EQ(info.etag, "9b2cf535f27731c974343645a3985328-2");
  EXPECT_EQ(info.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(info.version_id, "v1");
  EXPECT_EQ(info.storage_class, "GLACIER");
  EXPECT_EQ(info.last_modified, kNoon);
  const Metadata expected = {
      {"author", "J\xc3\xb6rg"}, {"title", "caf\xc3\xa9"}, {"tag", "a,b"}, {"empty", ""}};
  EXPECT_EQ(info.metadata, expected);
}

TEST(ObjectInfo, MayLackEverything) {
  const ObjectInfo info = ParseObjectInfo(Reply(200, {}));
  EXPECT_EQ(info.size, std::nullopt);
  EXPECT_EQ(info.etag + info.content_type + info.version_id + info.storage_class, "");
  EXPECT_EQ(info.last_modified, std::nullopt);
  EXPECT_TRUE(info.metadata.empty());
}

TEST(ObjectInfo, LeavesOutATimeThatNobodyUnderstands) {
  EXPECT_EQ(ParseObjectInfo(Reply(200, {{"last-modified", "yesterday"}})).last_modified,
            std::nullopt);
  EXPECT_EQ(ParseObjectInfo(Reply(200, {{"last-modified", "2026-01-31T12:00:00Z"}})).last_modified,
            kNoon);
}

TEST(ObjectInfo, KeepsAWeakETagAsItIs) {
  EXPECT_EQ(ParseObjectInfo(Reply(200, {{"etag", "W/\"abc\""}})).etag, "W/\"abc\"");
}

S3Request RangeRequest(std::int64_t start, std::optional<std::int64_t> length) {
  S3Request request = GetObject("files", "a");
  SetRange({start, length}, &request);
  return request;
}

HttpResponse Part(const std::string& range, std::string_view body) {
  return Reply(206, {{"Content-Range", SecretString(range)}}, body);
}

TEST(CheckObject, TakesTheRangeThatWasAskedFor) {
  EXPECT_NO_THROW(CheckObject(GetObject("files", "a"), Reply(200, {}, "abc")));
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, 3), Part("bytes 5-7/100", "abc")));
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, 3), Part("bytes 5-7/*", "abc")));
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, 3), Part("bytes 5-6/7", "ab")));  // the last ones
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, std::nullopt), Part("bytes 5-6/7", "ab")));
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, std::nullopt), Part("bytes 5-6/*", "ab")));
}

TEST(CheckObject, RefusesOtherBytes) {
  const char* ranges[] = {"",
                          "bytes 6-8/100",
                          "bytes 4-6/100",
                          "bytes 5-8/100",
                          "bytes 5-6/100",
                          "bytes 5-7/7",
                          "items 5-7/100",
                          "bytes 5-7",
                          "bytes 5-7/x",
                          "bytes -5-7/9",
                          "bytes 7-5/100",
                          "bytes 5-9223372036854775807/*",
                          "bytes 5-9223372036854775807/9223372036854775807",
                          "bytes 5-7/-9223372036854775808",
                          "bytes */100"};
  for (const char* range : ranges) {
    EXPECT_ERROR(ErrorCode::kMalformedReply, CheckObject(RangeRequest(5, 3), Part(range, "abc")))
        << range;
  }
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               CheckObject(RangeRequest(5, 3), Part("bytes 5-6/100", "ab")));
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               CheckObject(RangeRequest(5, 3), Part("bytes 5-8/100", "abcd")));
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               CheckObject(RangeRequest(5, std::nullopt), Part("bytes 5-6/100", "ab")));
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               CheckObject(RangeRequest(0, 3), Part("bytes 0-9223372036854775807/*", "abc")));
}

TEST(CheckObject, RefusesAnotherStatus) {
  for (const int status : {201, 202, 203, 204, 206}) {
    const Error error =
        ErrorOf([&] { CheckObject(GetObject("files", "a"), Reply(status, {}, "abc")); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
    EXPECT_EQ(error.detail(), "Its HTTP status is " + std::to_string(status) + ".");
  }
}

// The client has cut it.
TEST(CheckObject, TakesAPieceOfTheWhole) {
  HttpResponse response = Reply(200, {{"content-length", "40"}}, "abc");
  response.skipped = 5;
  S3Request request = RangeRequest(5, 3);
  EXPECT_NO_THROW(CheckObject(request, response));
  request.size = 40;
  EXPECT_NO_THROW(CheckObject(request, response));
  request.size = 41;
  EXPECT_ERROR(ErrorCode::kMalformedReply, CheckObject(request, response));

  response = Reply(200, {}, "");
  EXPECT_NO_THROW(CheckObject(RangeRequest(5, 3), response));  // of an empty object
  response.skipped = 4;
  const Error error = ErrorOf([&] { CheckObject(RangeRequest(5, 3), response); });
  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_STREQ(error.what(), "range starts at byte 5 of an object of 4 bytes");
}

TEST(CheckObject, ComparesETagsAndSizes) {
  S3Request request = RangeRequest(0, 3);
  SetIfMatch("abc", &request);
  request.size = 100;
  const auto part = [](const char* range, const char* etag) {
    return Reply(206, {{"content-range", range}, {"etag", etag}}, "xyz");
  };
  EXPECT_NO_THROW(CheckObject(request, part("bytes 0-2/100", "\"abc\"")));
  EXPECT_NO_THROW(CheckObject(request, part("bytes 0-2/100", "W/\"abc\"")));
  EXPECT_NO_THROW(CheckObject(request, part("bytes 0-2/*", "\"abc\"")));
  EXPECT_ERROR(ErrorCode::kMalformedReply, CheckObject(request, part("bytes 0-2/100", "\"abd\"")));
  EXPECT_ERROR(ErrorCode::kMalformedReply, CheckObject(request, part("bytes 0-2/101", "\"abc\"")));
  EXPECT_ERROR(ErrorCode::kMalformedReply, CheckObject(request, Part("bytes 0-2/100", "xyz")));
}

TEST(ObjectInfo, RefusesWhatIsNone) {
  const std::vector<HttpHeader> cases[] = {
      {{"content-length", "x"}},
      {{"content-length", "-1"}},
      {{"content-length", "1 "}},
      {{"content-length", "9223372036854775808"}},
      {{"content-length", "1"}, {"etag", "\xff"}},
      {{"content-length", "1"}, {"content-type", "\xc3"}},
      {{"content-length", "1"}, {"x-amz-meta-a", "\xe9t\xe9"}},
  };
  for (const auto& headers : cases) {
    EXPECT_EQ(ErrorOf([&] { ParseObjectInfo(Reply(200, headers)); }).code(),
              ErrorCode::kMalformedReply);
  }
}

TEST(WrittenObject, IsReadFromHeadersOrBody) {
  const WrittenObject put =
      ParseWrittenObject(Reply(200, {{"ETag", "\"e\""}, {"X-Amz-Version-Id", "v"}}));
  EXPECT_EQ(put.etag, "e");
  EXPECT_EQ(put.version_id, "v");
  EXPECT_EQ(ParseWrittenObject(Reply(204, {})).etag, "");
  for (const std::string root : {"CopyObjectResult", "CompleteMultipartUploadResult"}) {
    const WrittenObject written = ParseWrittenDocument(Reply(
        200, {{"x-amz-version-id", "v"}},
        "   \n<?xml version=\"1.0\"?><" + root + "><ETag>&quot;e-1&quot;</ETag></" + root + ">"));
    EXPECT_EQ(written.etag, "e-1");
    EXPECT_EQ(written.version_id, "v");
  }
  EXPECT_EQ(ParseWrittenDocument(Reply(200, {},
                                       "<CompleteMultipartUploadResult><ETag/>"
                                       "</CompleteMultipartUploadResult>"))
                .etag,
            "");
  for (const char* body :
       {"", "<CopyObjectResult/>", "<Error><Code>SlowDown</Code></Error>", "<html/>"}) {
    EXPECT_EQ(ErrorOf([&] { ParseWrittenDocument(Reply(200, {}, body)); }).code(),
              ErrorCode::kMalformedReply)
        << body;
  }
}

TEST(DeleteResult, HasEveryKeyThatS3Mentions) {
  const auto objects = ParseDeleteResult(
      "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Deleted><Key> a&amp;b "
      "</Key></Deleted>"
      "<Error><Key>c</Key><VersionId>v1</VersionId><Code>AccessDenied</Code><Message>Access "
      "Denied</Message></Error>"
      "<Deleted><Key> </Key><DeleteMarker>true</DeleteMarker></Deleted></DeleteResult>");
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0].key, " a&b ");
  EXPECT_EQ(objects[0].code, "");
  EXPECT_EQ(objects[1].key, "c");
  EXPECT_EQ(objects[1].code, "AccessDenied");
  EXPECT_EQ(objects[1].version_id, "v1");
  EXPECT_EQ(objects[1].message, "Access Denied");
  EXPECT_EQ(objects[2].key, " ");
  EXPECT_TRUE(ParseDeleteResult("<DeleteResult/>").empty());
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               ParseDeleteResult("<DeleteResult><Error><Key>a</Key></Error></DeleteResult>"));
}

constexpr std::string_view kPage =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>files</Name><Prefix></Prefix><MaxKeys>3</MaxKeys>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>a/b+c=%20</NextContinuationToken>
<Contents><Key>a+b%2Bc%2F%C3%A9</Key><LastModified>2026-01-31T12:00:00.250Z</LastModified>
<ETag>&quot;e&quot;</ETag><Size>9007199254740993</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>z%0D%0A</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>"f"</ETag><Size>0</Size></Contents>
<CommonPrefixes><Prefix>b%2F</Prefix></CommonPrefixes>
<CommonPrefixes><Prefix>%C3%A9%2F</Prefix></CommonPrefixes>
</ListBucketResult>)";

TEST(ObjectPage, IsReadInTheOrderOfItsKeys) {
  const ObjectPage page = ParseObjectPage(kPage);
  EXPECT_EQ(page.continuation_token, "a/b+c=%20");
  ASSERT_EQ(page.objects.size(), 4u);
  EXPECT_EQ(page.objects[0].key, "a b+c/\xc3\xa9");
  EXPECT_EQ(page.objects[0].size, 9007199254740993);
  EXPECT_EQ(page.objects[0].etag, "e");
  EXPECT_EQ(page.objects[0].storage_class, "STANDARD");
  EXPECT_EQ(page.objects[0].last_modified, kNoon + 250000);
  EXPECT_FALSE(page.objects[0].is_prefix);
  EXPECT_EQ(page.objects[1].key, "b/");
  EXPECT_TRUE(page.objects[1].is_prefix);
  EXPECT_EQ(page.objects[1].last_modified, std::nullopt);
  EXPECT_EQ(page.objects[2].key, "z\r\n");
  EXPECT_EQ(page.objects[2].storage_class, "");
  EXPECT_EQ(page.objects[3].key, "\xc3\xa9/");  // bytes of UTF-8 come after ASCII
}

TEST(ObjectPage, DecodesOnlyWhatIsEncoded) {
  const ObjectPage page = ParseObjectPage(
      "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>x</"
      "NextContinuationToken>"
      "<Contents><Key>a+b%20%zz</Key><Size>1</Size></Contents></ListBucketResult>");
  EXPECT_EQ(page.objects[0].key, "a+b%20%zz");
  EXPECT_EQ(page.continuation_token, "");
  EXPECT_TRUE(ParseObjectPage("<ListBucketResult/>").objects.empty());
}

TEST(ObjectPage, IsReadAroundWhiteSpaceAndPrefixes) {
  const ObjectPage page = ParseObjectPage(
      "<ns2:ListBucketResult xmlns:ns2='x'><ns2:IsTruncated> true\n</ns2:IsTruncated>"
      "<ns2:NextContinuationToken> t </ns2:NextContinuationToken><ns2:Contents><ns2:Key> a "
      "</ns2:Key>"
      "<ns2:LastModified>\n Sat, 31 Jan 2026 12:00:00 GMT </ns2:LastModified><ns2:ETag>\t\"e\" "
      "</ns2:ETag><ns2:Size>\n 5\r\n</ns2:Size><ns2:StorageClass> X </ns2:StorageClass>"
      "</ns2:Contents></ns2:ListBucketResult>");
  EXPECT_EQ(page.continuation_token, " t ");  // which may be a key
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, " a ");
  EXPECT_EQ(page.objects[0].size, 5);
  EXPECT_EQ(page.objects[0].etag, "e");
  EXPECT_EQ(page.objects[0].storage_class, "X");
  EXPECT_EQ(page.objects[0].last_modified, kNoon);
}

TEST(ObjectPage, LeavesOutATimeThatNobodyUnderstands) {
  const ObjectPage page = ParseObjectPage(
      "<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>now</LastModified>"
      "</Contents></ListBucketResult>");
  EXPECT_EQ(page.objects.at(0).last_modified, std::nullopt);
}

std::string Page(const std::string& contents) {
  return "<ListBucketResult><EncodingType>url</EncodingType>" + contents + "</ListBucketResult>";
}

TEST(ObjectPage, RefusesWhatIsNone) {
  const std::string cases[] = {
      "",
      "<Error><Code>x</Code></Error>",
      "<ListBucketResult>",
      Page("<Contents><Size>1</Size></Contents>"),
      Page("<Contents><Key>a</Key></Contents>"),
      Page("<Contents><Key>a</Key><Size>x</Size></Contents>"),
      Page("<Contents><Key>a</Key><Size>-1</Size></Contents>"),
      Page("<Contents><Key>a</Key><Size>9223372036854775808</Size></Contents>"),
      Page("<Contents><Key>%zz</Key><Size>1</Size></Contents>"),
      Page("<Contents><Key>%FF</Key><Size>1</Size></Contents>"),
      Page("<Contents><Key>%00</Key><Size>1</Size></Contents>"),
      Page("<Contents><Key>\xff</Key><Size>1</Size></Contents>"),
      Page("<Contents><Key>a&#0;b</Key><Size>1</Size></Contents>"),
      Page("<IsTruncated>true</IsTruncated>"),
      Page("<IsTruncated>maybe</IsTruncated>"),
  };
  for (const std::string& body : cases) {
    EXPECT_EQ(ErrorOf([&] { ParseObjectPage(body); }).code(), ErrorCode::kMalformedReply) << body;
  }
}

TEST(ObjectPage, SurvivesDamage) {
  std::mt19937 random(6);
  for (std::size_t size = 0; size + 20 < kPage.size(); ++size) {
    EXPECT_ERROR(ErrorCode::kMalformedReply, ParseObjectPage(kPage.substr(0, size))) << size;
  }
  for (int round = 0; round < 5000; ++round) {
    std::string body(kPage);
    body[random() % body.size()] = static_cast<char>(random());
    try {
      ParseObjectPage(body);
    } catch (const Error&) {
    }
  }
}

std::string VersionsOf(const std::string& inner) {
  return "<ListVersionsResult><EncodingType>url</EncodingType>" + inner + "</ListVersionsResult>";
}

TEST(VersionPage, IsReadInItsOrder) {
  const VersionPage page = ParseVersionPage(
      VersionsOf("<IsTruncated>false</IsTruncated>"
                 "<DeleteMarker><Key>a%20b</Key><VersionId>m1</VersionId><IsLatest>true</IsLatest>"
                 "<LastModified>2026-01-31T12:00:00.250Z</LastModified></DeleteMarker>"
                 "<Version><Key>a%20b</Key><VersionId>null</VersionId><IsLatest>false</IsLatest>"
                 "<LastModified>2026-01-01T12:00:00.000Z</LastModified><ETag>&quot;e&quot;</"
                 "ETag><Size>7</Size>"
                 "<StorageClass>STANDARD</StorageClass></Version>"));
  EXPECT_EQ(page.next_key_marker, "");
  ASSERT_EQ(page.versions.size(), 2U);
  EXPECT_EQ(page.versions[0].key, "a b");
  EXPECT_EQ(page.versions[0].version_id, "m1");
  EXPECT_TRUE(page.versions[0].is_latest);
  EXPECT_TRUE(page.versions[0].is_delete_marker);
  EXPECT_EQ(page.versions[0].last_modified, kNoon + 250000);
  EXPECT_EQ(page.versions[1].version_id, "null");
  EXPECT_FALSE(page.versions[1].is_latest);
  EXPECT_FALSE(page.versions[1].is_delete_marker);
  EXPECT_EQ(page.versions[1].size, 7);
  EXPECT_EQ(page.versions[1].etag, "e");
  EXPECT_EQ(page.versions[1].storage_class, "STANDARD");
}

TEST(VersionPage, EndsWithAVersion) {
  const std::string versions =
      "<IsTruncated>true</IsTruncated>"
      "<Version><Key>a%2520</Key><VersionId>1</VersionId><Size>1</Size></Version>"
      "<DeleteMarker><Key>b</Key><VersionId>2</VersionId></DeleteMarker>"
      "<Version><Key>c</Key><VersionId>3</VersionId><Size>1</Size></Version>";
  const VersionPage last = ParseVersionPage(VersionsOf(versions));
  EXPECT_EQ(last.next_key_marker, "c");
  EXPECT_EQ(last.next_version_id_marker, "3");
  // As Ceph writes it: NextKeyMarker is not encoded.
  const VersionPage named =
      ParseVersionPage(VersionsOf(versions + "<NextKeyMarker>a%20</NextKeyMarker>"
                                             "<NextVersionIdMarker>1</NextVersionIdMarker>"));
  EXPECT_EQ(named.next_key_marker, "a%20");
  EXPECT_EQ(named.next_version_id_marker, "1");
  // A page of nothing: what it would list is deleted.
  const VersionPage empty = ParseVersionPage(
      VersionsOf("<IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker>"));
  EXPECT_EQ(empty.next_key_marker, "a b");
}

TEST(VersionPage, RefusesWhatIsNone) {
  for (const std::string& body :
       {std::string("<ListBucketResult/>"), VersionsOf("<IsTruncated>true</IsTruncated>"),
        VersionsOf("<Version><Key>a</Key><Size>1</Size></Version>"),
        VersionsOf("<Version><VersionId>1</VersionId><Size>1</Size></Version>"),
        VersionsOf("<Version><Key>a</Key><VersionId>1</VersionId></Version>")}) {
    EXPECT_ERROR(ErrorCode::kMalformedReply, ParseVersionPage(body)) << body;
  }
}

TEST(UploadId, IsThere) {
  EXPECT_EQ(ParseUploadId("<InitiateMultipartUploadResult><UploadId>2~a/b</UploadId></"
                          "InitiateMultipartUploadResult>"),
            "2~a/b");
  EXPECT_ERROR(ErrorCode::kMalformedReply, ParseUploadId("<InitiateMultipartUploadResult/>"));
}

TEST(PartPage, IsRead) {
  const PartPage page = ParsePartPage(
      "<ListPartsResult><Part><PartNumber>2</PartNumber><LastModified>2026-01-31T12:00:00.000Z</"
      "LastModified>"
      "<ETag>&quot;e&quot;</ETag><Size>5242880</Size></Part><IsTruncated>true</IsTruncated>"
      "<NextPartNumberMarker>2</NextPartNumberMarker></ListPartsResult>");
  ASSERT_EQ(page.parts.size(), 1u);
  EXPECT_EQ(page.parts[0].part_number, 2);
  EXPECT_EQ(page.parts[0].size, 5242880);
  EXPECT_EQ(page.parts[0].etag, "e");
  EXPECT_EQ(page.parts[0].last_modified, kNoon);
  EXPECT_EQ(page.next_marker, 2);
  const char* last =
      "<ListPartsResult><NextPartNumberMarker>2</NextPartNumberMarker></ListPartsResult>";
  EXPECT_EQ(ParsePartPage(last).next_marker, std::nullopt);
  for (const char* number : {"", "x", "-1", "2147483648"}) {
    EXPECT_ERROR(
        ErrorCode::kMalformedReply,
        ParsePartPage("<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>" +
                      std::string(number) + "</NextPartNumberMarker></ListPartsResult>"))
        << number;
  }
}

TEST(UploadPage, IsRead) {
  const std::string upload =
      "<Upload><Key>a+%C3%A9</Key><UploadId>u+1</UploadId><StorageClass>STANDARD</StorageClass>"
      "<Initiated>2026-01-31T12:00:00.000Z</Initiated></Upload>";
  const UploadPage page = ParseUploadPage(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextKeyMarker>a+%C3%A9</NextKeyMarker><NextUploadIdMarker>u+1</NextUploadIdMarker>" +
      upload + "</ListMultipartUploadsResult>");
  ASSERT_EQ(page.uploads.size(), 1u);
  EXPECT_EQ(page.uploads[0].key, "a \xc3\xa9");
  EXPECT_EQ(page.uploads[0].upload_id, "u+1");
  EXPECT_EQ(page.uploads[0].storage_class, "STANDARD");
  EXPECT_EQ(page.uploads[0].initiated, kNoon);
  EXPECT_EQ(page.next_key_marker, "a \xc3\xa9");
  EXPECT_EQ(page.next_upload_id_marker, "u+1");
  const UploadPage last =
      ParseUploadPage("<ListMultipartUploadsResult><NextKeyMarker>a</NextKeyMarker>" + upload +
                      "</ListMultipartUploadsResult>");
  EXPECT_EQ(last.uploads[0].key, "a+%C3%A9");
  EXPECT_EQ(last.next_key_marker + last.next_upload_id_marker, "");
  EXPECT_ERROR(ErrorCode::kMalformedReply,
               ParseUploadPage("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></"
                               "ListMultipartUploadsResult>"));
}

TEST(BucketList, IsRead) {
  const auto buckets = ParseBucketList(
      "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>files</Name>"
      "<CreationDate>2026-01-31T12:00:00.000Z</CreationDate></Bucket><Bucket><Name>old</Name></"
      "Bucket></Buckets>"
      "</ListAllMyBucketsResult>");
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].name, "files");
  EXPECT_EQ(buckets[0].created, kNoon);
  EXPECT_EQ(buckets[1].created, std::nullopt);
  EXPECT_ERROR(
      ErrorCode::kMalformedReply,
      ParseBucketList(
          "<ListAllMyBucketsResult><Buckets><Bucket/></Buckets></ListAllMyBucketsResult>"));
}

}  // namespace
}  // namespace neon_s3

#include <gtest/gtest.h>

#include "core/s3_error.h"

#include "core/safe_words.h"

namespace neon_s3 {
namespace {

HttpResponse Reply(int status, const std::string& body, std::vector<HttpHeader> headers = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = body;
  return response;
}

std::string ErrorBody(const std::string& code, const std::string& more = {}) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code>" + more +
         "</Error>";
}

S3Error Of(const S3Request& request, int status, const std::string& body) {
  return MakeS3Error(request, Reply(status, body));
}

TEST(ParseS3Error, ReadsWhatAmazonSends) {
  const auto reply = ParseS3Error(
      ErrorBody("AuthorizationHeaderMalformed",
                "<Message>The authorization header is malformed; the region 'us-east-1' is wrong; "
                "expecting 'eu-west-1'</Message>"
                "<Region>eu-west-1</Region><Endpoint>files.s3.eu-west-1.amazonaws.com</Endpoint>"
                "<RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId>"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(reply->message,
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting "
            "'eu-west-1'");
  EXPECT_EQ(reply->region, "eu-west-1");
  EXPECT_EQ(reply->request_id, "4442587FB7D0A2F9");
}

TEST(ParseS3Error, FindsNoneInOtherReplies) {
  for (const char* body :
       {"", "<html>", "{}", "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", "Error",
        "<Error>", "<Error><Code>a</Code>", "<a><Error/></a>"}) {
    EXPECT_FALSE(ParseS3Error(body)) << body;
  }
  EXPECT_FALSE(ParseS3Error(ErrorBody("A", std::string(65536, ' '))));
}

TEST(ParseS3Error, DropsWordsThatAreNotPlain) {
  const auto reply = ParseS3Error(ErrorBody("a b",
                                            "<RequestId>\xc3\xa9</RequestId>"
                                            "<Region>x@evil.example/</Region>"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code + reply->message + reply->request_id + reply->region, "");
}

TEST(ParseS3Error, ReadsNamesWithPrefixes) {
  const auto reply = ParseS3Error(
      "<s3:Error xmlns:s3='x'><s3:Code> AccessDenied "
      "</s3:Code><s3:Message>no</s3:Message></s3:Error>");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, "AccessDenied");
  EXPECT_EQ(reply->message, "no");
}

TEST(ParseS3Error, ReadsEachTextToItsEnd) {
  const auto reply =
      ParseS3Error(ErrorBody("Slow<!-- no -->Down", "<Message>a<![CDATA[ b]]></Message>"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, "SlowDown");
  EXPECT_EQ(reply->message, "a b");
}

constexpr char kArn[] =
    "User: "
    "arn:aws:sts::123456789012:assumed-role/a-role-with-a-rather-long-name-that-somebody-gave/"
    "session is not authorized to perform: kms:GenerateDataKey on resource: "
    "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef because no "
    "identity-based policy allows the kms:GenerateDataKey action";

TEST(SafeWords, KeepsWhatHelps) {
  for (const char* words :
       {"", "Access Denied", kArn, "See https://docs.example.com/why?page=2&part=b#c",
        "The header x-amz-server-side-encryption-aws-kms-key-id is wanted",
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests",
        "The specified key does not exist: photos/2026/Gr\xc3\xb6\xc3\x9f"
        "e.jpg",
        "the signature we calculated, token and credential do not match"}) {
    EXPECT_EQ(SafeWords(words, {}), words);
  }
  EXPECT_EQ(SafeWords(" a\r\nb\tc\x01"
                      "d ",
                      {}),
            "a  b c d");
  EXPECT_EQ(SafeWords("a \xff b", {}), "a ? b");
}

TEST(SafeWords, CutsAtAWord) {
  std::string text, expected;
  while (text.size() < 2000) text += "word ";
  const std::string words = SafeWords(text, {});
  EXPECT_EQ(words, text.substr(0, 799) + "\xe2\x80\xa6");
  EXPECT_EQ(SafeWords(std::string(900, '.'), {}), std::string(800, '.') + "\xe2\x80\xa6");
}

// Messages of odd servers that quote the request, one way or the other.
TEST(SafeWords, MasksSecrets) {
  const std::string signature = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  const std::string token = "IQoJb3JpZ2luX2VjEJ7CANARYwEaCXVzLWVhc3QtMSJHMEUCIQ";
  const Credentials own = {"AKIAOWN", "own+secret/CANARY", "own/token/CANARY=="};
  const struct {
    std::string words, expected;
  } cases[] = {
      {"no &X-Amz-Signature=CANARY&x=y", "no &X-Amz-Signature=****&x=y"},
      {"https://h/k?X-Amz-Credential=CANARY%2Fx&a=b", "https://h/k?X-Amz-Credential=****&a=b"},
      {"AWS4-HMAC-SHA256 Credential=CANARY/1/s3, Signature=CANARY",
       "AWS4-HMAC-SHA256 Credential=****, Signature=****"},
      {"x-amz-security-token: CANARY is odd", "x-amz-security-token: **** is odd"},
      {"Authorization: Bearer CANARY", "Authorization: Bearer ****"},
      {"AWSAccessKeyId=CANARY", "AWSAccessKeyId=****"},
      {"got " + signature + " here", "got **** here"},
      {"got " + token, "got ****"},
      {"got own/token/CANARY==, and own+secret/CANARY", "got ****, and ****"},
      {"got own%2Ftoken%2FCANARY%3D%3D", "got ****"},
  };
  for (const auto& [words, expected] : cases) EXPECT_EQ(SafeWords(words, own), expected);
}

TEST(MakeS3Error, QuotesNoSecret) {
  const S3Error error =
      Of(GetObject("files", "a"), 403,
         ErrorBody("SignatureDoesNotMatch",
                   "<Message>The request signature we calculated does not match.</Message>"
                   "<AWSAccessKeyId>CANARY</AWSAccessKeyId><StringToSign>CANARY</StringToSign>"
                   "<SignatureProvided>CANARY</SignatureProvided>"
                   "<CanonicalRequest>CANARY</CanonicalRequest><Token-0>CANARY</Token-0>"));
  EXPECT_EQ((error.what() + error.detail() + error.hint()).find("CANARY"), std::string::npos);
  EXPECT_EQ(error.detail(),
            "Code SignatureDoesNotMatch, HTTP status 403; S3 says: The request signature we "
            "calculated does not match.");
}

// A server that sends back what it was sent, in the place of a word.
TEST(MakeS3Error, RepeatsNoSecretAsAWord) {
  const Credentials own = {"AKIAOWN", "own+secret/CANARY", "owntokenCANARY"};
  HttpResponse response;
  response.status = 301;
  response.headers = {{"x-amz-bucket-region", "owntokenCANARY"}};
  for (const char* code : {"PermanentRedirect", "own+secret/CANARY", "xowntokenCANARY"}) {
    response.body = ErrorBody(code,
                              "<RequestId>owntokenCANARY</RequestId>"
                              "<Region>owntokenCANARY</Region>");
    const S3Error error = MakeS3Error(GetObject("files", "a"), response, own);
    EXPECT_EQ((error.what() + error.detail() + error.hint() + error.s3_code()).find("CANARY"),
              std::string::npos);
  }
}

TEST(S3Error, TellsWhatHappenedAndWhatToDo) {
  const S3Request get = GetObject("files", "a.txt"),
                  put = PutObject("files", "a.txt", "", {}, true);
  const S3Request list = ListObjects("files", {}), buckets = ListBuckets();
  const S3Request copy = CopyObject("from", "d/\xc3\xa4", "files", "a.txt");
  const S3Request erase = DeleteObject("files", "a.txt", "v"), drop = DeleteBucket("files"),
                  restore = CopyObject("files", "a", "files", "a", "v");
  const S3Request version = GetObject("files", "a.txt", "v1");
  const S3Request part = UploadPart("files", "a.txt", "u", 1, ""),
                  cors = GetBucketConfig("files", BucketConfig::kCors);
  const struct {
    const S3Request& request;
    int status;
    const char* s3_code;  // empty: no body
    ErrorCode code;
    const char *message, *hint;  // a part of it
  } cases[] = {
      {put, 403, "AccessDenied", ErrorCode::kRefused,
       "S3 refused PutObject of \"a.txt\" in bucket \"files\"", "policy"},
      {list, 403, "AccessDenied", ErrorCode::kRefused,
       "S3 refused ListObjectsV2 of bucket \"files\"", "policy"},
      {buckets, 403, "AccessDenied", ErrorCode::kRefused, "S3 refused ListBuckets", "policy"},
      {get, 403, "RequestTimeTooSkewed", ErrorCode::kRefused,
       "S3 refused GetObject of \"a.txt\" in bucket \"files\"", "clock"},
      {get, 400, "AuthorizationHeaderMalformed", ErrorCode::kRefused, "S3 refused GetObject",
       "region"},
      {get, 301, "PermanentRedirect", ErrorCode::kRefused, "S3 refused GetObject", "region"},
      {get, 307, "TemporaryRedirect", ErrorCode::kRefused, "S3 refused GetObject", "region"},
      {get, 403, "SignatureDoesNotMatch", ErrorCode::kNoCredentials, "S3 refused GetObject",
       "secret access key"},
      {get, 403, "InvalidAccessKeyId", ErrorCode::kNoCredentials, "S3 refused GetObject",
       "access key id"},
      {get, 400, "ExpiredToken", ErrorCode::kNoCredentials, "S3 refused GetObject",
       "Renew the credentials"},
      {get, 400, "InvalidToken", ErrorCode::kNoCredentials, "S3 refused GetObject",
       "Renew the credentials"},
      {get, 404, "NoSuchKey", ErrorCode::kNotFound,
       "object \"a.txt\" does not exist in bucket \"files\"", ""},
      {get, 404, "", ErrorCode::kNotFound, "object \"a.txt\" does not exist in bucket \"files\"",
       ""},
      {get, 404, "NoSuchVersion", ErrorCode::kNotFound,
       "object \"a.txt\" in bucket \"files\" has no such version", ""},
      {get, 404, "NoSuchBucket", ErrorCode::kNotFound, "bucket \"files\" does not exist",
       "addressing style"},
      {list, 404, "", ErrorCode::kNotFound, "bucket \"files\" does not exist", ""},
      {copy, 404, "NoSuchKey", ErrorCode::kNotFound,
       "object \"d/\xc3\xa4\" does not exist in bucket \"from\"", ""},
      {restore, 404, "NoSuchVersion", ErrorCode::kNotFound,
       "object \"a\" in bucket \"files\" has no such version", ""},
      {erase, 403, "AccessDenied", ErrorCode::kRefused, "S3 refused DeleteObject", "Object lock"},
      {drop, 409, "BucketNotEmpty", ErrorCode::kRefused, "S3 refused DeleteBucket",
       "s3_list_object_versions"},
      {copy, 404, "NoSuchBucket", ErrorCode::kNotFound,
       "bucket \"files\" or bucket \"from\" does not exist", ""},
      {part, 404, "NoSuchUpload", ErrorCode::kNotFound,
       "multipart upload of \"a.txt\" in bucket \"files\" does not exist", "completed or aborted"},
      {cors, 404, "NoSuchCORSConfiguration", ErrorCode::kNotFound,
       "bucket \"files\" has no CORS rules", ""},
      {cors, 404, "NoSuchBucketPolicy", ErrorCode::kNotFound, "bucket \"files\" has no policy", ""},
      {cors, 404, "NoSuchElse", ErrorCode::kNotFound,
       "GetBucketCors of bucket \"files\" found nothing", ""},
      {cors, 400, "MalformedXML", ErrorCode::kRefused, "S3 refused GetBucketCors",
       "check members and values against its documentation"},
      {put, 400, "EntityTooLarge", ErrorCode::kRefused, "S3 refused PutObject", "5 GiB"},
      {put, 413, "", ErrorCode::kRefused, "S3 refused PutObject", "5 GiB"},
      {version, 405, "MethodNotAllowed", ErrorCode::kNotFound,
       "object \"a.txt\" does not exist in bucket \"files\": this version is a delete marker", ""},
      {get, 405, "MethodNotAllowed", ErrorCode::kRefused, "S3 refused GetObject",
       "does not have this operation"},
      {get, 501, "NotImplemented", ErrorCode::kUnsupported, "S3 does not support GetObject of",
       "does not have"},
      {get, 501, "", ErrorCode::kUnsupported, "S3 does not support GetObject of", "does not have"},
      {get, 409, "BucketAlreadyExists", ErrorCode::kRefused, "S3 refused", "Choose another"},
      {get, 416, "InvalidRange", ErrorCode::kRefused, "S3 refused GetObject",
       "behind the object's end"},
      {get, 418, "Teapot", ErrorCode::kRefused, "S3 refused GetObject", ""},
      {get, 403, "", ErrorCode::kRefused, "S3 refused GetObject", "policy"},
      {get, 500, "InternalError", ErrorCode::kServerFailed,
       "S3 failed to do GetObject of \"a.txt\" in bucket \"files\"", "later"},
      {get, 503, "SlowDown", ErrorCode::kServerFailed, "S3 failed to do GetObject", "later"},
      {get, 502, "", ErrorCode::kServerFailed, "S3 failed to do GetObject", "later"},
      {copy, 200, "InternalError", ErrorCode::kServerFailed, "S3 failed to do CopyObject", "later"},
      {copy, 200, "SlowDown", ErrorCode::kServerFailed, "S3 failed to do CopyObject", "later"},
      {copy, 200, "Odd", ErrorCode::kServerFailed, "S3 failed to do CopyObject", ""},
      {copy, 200, "AccessDenied", ErrorCode::kRefused, "S3 refused CopyObject", "policy"},
      {get, 302, "", ErrorCode::kMalformedReply, "malformed reply to GetObject of \"a.txt\"", ""},
      {get, 100, "", ErrorCode::kMalformedReply, "malformed reply to GetObject", ""},
  };
  for (const auto& expected : cases) {
    SCOPED_TRACE(std::string(expected.s3_code) + " " + std::to_string(expected.status));
    const std::string code(expected.s3_code);
    const S3Error error =
        Of(expected.request, expected.status, code.empty() ? "" : ErrorBody(code));
    EXPECT_EQ(error.code(), expected.code);
    EXPECT_EQ(std::string(error.what()).find(expected.message), 0u) << error.what();
    EXPECT_NE(error.hint().find(expected.hint), std::string::npos) << error.hint();
    EXPECT_EQ(error.hint().empty(), std::string(expected.hint).empty() && code != "NoSuchBucket")
        << error.hint();
    EXPECT_EQ(error.status(), expected.status);
    EXPECT_EQ(error.s3_code(), code);
  }
}

TEST(S3Error, GoesByTheStatusWhereThereIsNoBody) {
  EXPECT_EQ(Of(HeadObject("files", "a"), 404, "").code(), ErrorCode::kNotFound);
  EXPECT_STREQ(Of(HeadBucket("files"), 404, "").what(), "bucket \"files\" does not exist");
  EXPECT_EQ(Of(HeadBucket("files"), 301, "").code(), ErrorCode::kRefused);
  EXPECT_NE(Of(HeadBucket("files"), 301, "").hint().find("region"), std::string::npos);
  EXPECT_NE(Of(HeadObject("files", "a"), 400, "").hint().find("clock"), std::string::npos);
  EXPECT_NE(Of(HeadObject("files", "a"), 403, "").hint().find("gives no reason"),
            std::string::npos);
  EXPECT_EQ(Of(HeadObject("files", "a"), 403, "").detail(), "HTTP status 403");
}

TEST(S3Error, NamesTheRegionOfTheBucket) {
  const S3Request get = GetObject("files", "a");
  EXPECT_EQ(MakeS3Error(get, Reply(301, "", {{"x-amz-bucket-region", "eu-west-1"}})).hint(),
            "The bucket is in region \"eu-west-1\": set the region, and an endpoint of that region "
            "where one is set.");
  EXPECT_NE(Of(get, 400, ErrorBody("AuthorizationHeaderMalformed", "<Region>eu-west-2</Region>"))
                .hint()
                .find("\"eu-west-2\""),
            std::string::npos);
}

TEST(S3Error, TellsHowOftenItWasTried) {
  const S3Error error = Of(GetObject("files", "a"), 500, "");
  EXPECT_EQ(error.WithAttempts(1).detail(), "HTTP status 500");
  EXPECT_EQ(error.WithAttempts(3).detail(), "HTTP status 500, 3 attempts");
  EXPECT_EQ(error.WithAttempts(3).attempts(), 3);
}

TEST(S3Error, KnowsWhatTheCallerAskedFor) {
  const S3Error exists =
      Of(PutObject("files", "a", "", {}, false), 412, ErrorBody("PreconditionFailed"));
  EXPECT_EQ(exists.code(), ErrorCode::kRefused);
  EXPECT_STREQ(exists.what(), "object \"a\" in bucket \"files\" exists already");
  EXPECT_NE(exists.hint().find("overwrite"), std::string::npos);
  S3Request get = GetObject("files", "a");
  SetIfMatch("x", &get);
  EXPECT_STREQ(Of(get, 412, "").what(), "object \"a\" in bucket \"files\" was changed meanwhile");
  EXPECT_STREQ(Of(GetObject("files", "a"), 412, "").what(),
               "S3 refused GetObject of \"a\" in bucket \"files\"");
  EXPECT_STREQ(Of(CompleteMultipartUpload("files", "a", "u", {{1, "x"}}, false), 200,
                  ErrorBody("PreconditionFailed"))
                   .what(),
               "object \"a\" in bucket \"files\" exists already");
}

TEST(S3Error, HasCodeStatusAndRequestIdAsDetail) {
  const S3Request get = GetObject("files", "a");
  EXPECT_EQ(Of(get, 404, ErrorBody("NoSuchKey", "<RequestId>tx0001</RequestId>")).detail(),
            "Code NoSuchKey, HTTP status 404, RequestId tx0001");
  EXPECT_EQ(MakeS3Error(get, Reply(500, "", {{"X-Amz-Request-Id", "tx2"}})).detail(),
            "HTTP status 500, RequestId tx2");
  EXPECT_EQ(MakeS3Error(get, Reply(500, "", {{"Date", "Sat, 31 Jan 2026 12:00:00 GMT"}})).date(),
            "Sat, 31 Jan 2026 12:00:00 GMT");
  EXPECT_EQ(Of(get, 500, "<html>CANARY</html>").detail(), "HTTP status 500");
}

TEST(S3Error, WritesNoControlCharacters) {
  EXPECT_STREQ(Of(GetObject("files", "a\nb\x1b"), 404, "").what(),
               "object \"ab\" does not exist in bucket \"files\"");
}

TEST(S3Error, KnowsEachStatusWithoutABody) {
  const S3Request get = GetObject("b", "k"), head = HeadObject("b", "k");
  for (const int status : {301, 307}) {
    EXPECT_NE(Of(head, status, "").hint().find("Check the region"), std::string::npos) << status;
    EXPECT_EQ(Of(head, status, "").code(), ErrorCode::kRefused) << status;
  }
  for (const int status : {401, 403}) {
    EXPECT_NE(Of(get, status, "").hint().find("Check the policy"), std::string::npos) << status;
  }
  for (const int status : {405, 501}) {
    EXPECT_EQ(Of(get, status, "").hint(), "The endpoint does not have this operation.") << status;
  }
  EXPECT_EQ(Of(get, 400, "").hint(), "");
}

TEST(S3Error, KnowsADeleteMarker) {
  const auto is_marker = [](const S3Request& request) {
    return Of(request, 405, "").code() == ErrorCode::kNotFound;
  };
  EXPECT_TRUE(is_marker(GetObject("b", "k", "v")));
  EXPECT_TRUE(is_marker(HeadObject("b", "k", "v")));
  EXPECT_FALSE(is_marker(GetObject("b", "k")));
  EXPECT_FALSE(is_marker(DeleteObject("b", "k", "v")));
}

TEST(S3Error, AddsTheAttemptsToWhatItSays) {
  EXPECT_EQ(S3Error(ErrorCode::kSystem, 0, "", "m", "", "It broke.").WithAttempts(2).detail(),
            "It broke, 2 attempts");
  EXPECT_EQ(S3Error(ErrorCode::kSystem, 0, "", "m", "", "").WithAttempts(2).detail(), "2 attempts");
  EXPECT_EQ(S3Error(ErrorCode::kSystem, 0, "", "m", "", "It broke.").WithAttempts(1).detail(),
            "It broke.");
}

TEST(S3Error, TellsThatTheSourceOfACopyChanged) {
  S3Request part = UploadPart("b", "k", "u", 1, "");
  part.source = ObjectName{"from", "s"};
  part.headers.push_back({"x-amz-copy-source-if-match", "\"e\""});
  EXPECT_STREQ(Of(part, 412, "").what(), "object \"s\" in bucket \"from\" was changed meanwhile");
}

}  // namespace
}  // namespace neon_s3

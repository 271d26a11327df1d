#include "core/caller_headers.h"

#include <map>

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/s3_error.h"
#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

constexpr char kSse[] = "x-amz-server-side-encryption-customer-key";
constexpr char kSourceSse[] = "x-amz-copy-source-server-side-encryption-customer-key";
constexpr unsigned kLargePut = kWithPut | kWithCreateUpload | kWithPart | kWithComplete;

CallerHeaders Of(unsigned requests,
                 std::initializer_list<std::pair<const char*, const char*>> fields) {
  CallerHeaders headers(requests);
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}

std::string AllOf(const Error& error) {
  return std::string(error.what()) + "|" + error.detail() + "|" + error.hint();
}

// "name: value" of each, with a space between.
std::string Text(const S3Request& request) {
  std::string text;
  for (const HttpHeader& header : request.headers) {
    text.append(text.empty() ? "" : " ").append(header.name).append(": ").append(header.value);
  }
  return text;
}

std::string With(const CallerHeaders& headers, HeaderUse use) {
  S3Request request;
  headers.AddTo(use, &request);
  return Text(request);
}

TEST(CallerHeaders, GoWhereTheyBelong) {
  const CallerHeaders headers = Of(kLargePut, {{"Cache-Control", " no-store "},
                                               {"X-Amz-Storage-Class", "GLACIER"},
                                               {"x-amz-meta-a", "\xc3\xa9"},
                                               {"x-amz-request-payer", "requester"},
                                               {kSse, "KEY"},
                                               {"x-vendor-thing", "1"}});
  const std::string each = "x-amz-request-payer: requester " + std::string(kSse) + ": KEY";
  const std::string all =
      "cache-control: no-store x-amz-storage-class: GLACIER x-amz-meta-a: \xc3\xa9 " + each +
      " x-vendor-thing: 1";
  EXPECT_EQ(With(headers, kWithPut), all);
  EXPECT_EQ(With(headers, kWithCreateUpload), all);
  EXPECT_EQ(With(headers, kWithPart), each);
  EXPECT_EQ(With(headers, kWithComplete), each);
  EXPECT_EQ(With(headers, kWithOther), "x-amz-request-payer: requester");
  EXPECT_EQ(With(headers, kWithRange), each + " x-vendor-thing: 1");
}

TEST(CallerHeaders, AskForTheSourceOfACopyUnderItsOwnNames) {
  const CallerHeaders headers = Of(kWithCopy | kWithCreateUpload | kWithCopiedPart,
                                   {{kSse, "NEW"},
                                    {kSourceSse, "OLD"},
                                    {"x-amz-copy-source-if-match", "\"e\""},
                                    {"x-amz-expected-bucket-owner", "1"},
                                    {"x-amz-source-expected-bucket-owner", "2"},
                                    {"x-amz-acl", "private"}});
  S3Request head;
  head.method = "HEAD";
  headers.AddToSource(&head);
  EXPECT_EQ(Text(head), std::string(kSse) + ": OLD if-match: \"e\" x-amz-expected-bucket-owner: 2");
  S3Request tags;
  tags.method = "GET";
  headers.AddToSource(&tags);
  EXPECT_EQ(Text(tags), "x-amz-expected-bucket-owner: 2");
  EXPECT_EQ(With(headers, kWithCopiedPart),
            std::string(kSse) + ": NEW " + kSourceSse +
                ": OLD x-amz-expected-bucket-owner: 1 x-amz-source-expected-bucket-owner: 2");
  EXPECT_EQ(With(headers, kWithCreateUpload),
            std::string(kSse) + ": NEW x-amz-expected-bucket-owner: 1 x-amz-acl: private");
}

TEST(CallerHeaders, LeaveToTheClientWhatIsItsOwn) {
  for (const char* name :
       {"host", "Host", "authorization", "content-length", "Content-MD5", "x-amz-content-sha256",
        "X-Amz-Date", "x-amz-security-token", "x-amz-checksum-crc32c",
        "x-amz-sdk-checksum-algorithm", "x-amz-copy-source", "x-amz-copy-source-range", "range",
        "transfer-encoding", "connection", "expect", "te", "date", "proxy-authorization"}) {
    const Error error = ErrorOf([&] { Of(~0u, {{name, "x"}}); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument) << name;
    EXPECT_NE(std::string(error.what()).find("is set by the "), std::string::npos) << error.what();
    EXPECT_NE(error.hint(), "") << name;
  }
}

TEST(CallerHeaders, RefuseWhatHasNoEffect) {
  const std::map<const char*, unsigned> cases = {
      {"x-amz-storage-class", kWithGet},
      {"cache-control", kWithHead},
      {"x-amz-tagging", kWithGet | kWithRange},
      {"x-amz-metadata-directive", kWithPut},
      {kSourceSse, kWithPut},
      {"if-none-match", kWithPut},
      {"if-match", kWithCreateUpload},
  };
  for (const auto& [name, requests] : cases) {
    const Error error = ErrorOf([&, n = name, r = requests] { Of(r, {{n, "x"}}); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument) << name;
    EXPECT_EQ(error.what(), "header \"" + std::string(name) + "\" has no effect here");
  }
}

TEST(CallerHeaders, RefuseWhatIsNoHeader) {
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"", "x"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"a b", "x"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"a:", "x"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"a\r\nb", "x"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"a", "x\r\nb: c"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument, Of(kWithPut, {{"expires", "0"}, {"Expires", "1"}}));
  // Its value stays unsaid.
  const Error error = ErrorOf([] { Of(kWithPut, {{kSse, "CANARY\n"}}); });
  EXPECT_EQ(AllOf(error).find("CANARY"), std::string::npos);
}

TEST(CallerHeaders, StayWithinTheLimits) {
  CallerHeaders headers(kWithPut);
  headers.Add("x-vendor", std::string(kHeadersLimit.bytes - 100, 'x'));
  EXPECT_ERROR(ErrorCode::kTooLarge, headers.Add("x-other", std::string(100, 'x')));

  CallerHeaders metadata(kWithPut);
  metadata.Add("x-amz-meta-a", std::string(1500, 'x'));
  S3Request small = PutObject("files", "a", "", {}, true);
  metadata.AddTo(kWithPut, &small);
  S3Request large = PutObject("files", "a", "", {{}, {{"b", std::string(600, 'x')}}}, true);
  EXPECT_ERROR(ErrorCode::kTooLarge, metadata.AddTo(kWithPut, &large));
}

TEST(CallerHeaders, DoNotRepeatTheRequestsOwn) {
  S3Request request = PutObject("files", "a", "", {"text/plain", {{"k", "v"}}}, true);
  EXPECT_ERROR(ErrorCode::kBadArgument,
               Of(kWithPut, {{"content-type", "x/y"}}).AddTo(kWithPut, &request));
  EXPECT_ERROR(ErrorCode::kBadArgument,
               Of(kWithPut, {{"x-amz-meta-K", "w"}}).AddTo(kWithPut, &request));
}

TEST(CallerHeaders, KeepAConditionFromMeetingItsOwnWork) {
  S3Request put = PutObject("files", "a", "", {}, true);
  Of(kWithPut, {{"if-match", "\"e\""}}).AddTo(kWithPut, &put);
  EXPECT_EQ(put.retry, Retry::kUnsafe);
  S3Request get = GetObject("files", "a");
  Of(kWithGet, {{"if-match", "\"e\""}}).AddTo(kWithGet, &get);
  EXPECT_EQ(get.retry, Retry::kHarmless);
}

TEST(CallerHeaders, TellWhatACopyKeeps) {
  EXPECT_TRUE(IsAttributeHeader("x-amz-meta-owner"));
  EXPECT_TRUE(IsAttributeHeader("expires"));
  EXPECT_FALSE(IsAttributeHeader("x-amz-storage-class"));
  EXPECT_EQ(AttributeHeaders(),
            (std::vector<std::string_view>{"content-type", "cache-control", "content-disposition",
                                           "content-encoding", "content-language", "expires"}));
}

TEST(MakeS3Error, MasksTheKeysOfARequest) {
  S3Request request = GetObject("files", "a");
  Of(kWithGet, {{kSse, "CANARY+KEY/1="}}).AddTo(kWithGet, &request);
  HttpResponse response;
  response.status = 400;
  response.body =
      "<Error><Code>InvalidArgument</Code><Message>bad: CANARY+KEY/1=, CANARY%2BKEY%2F1%3D"
      "</Message></Error>";
  const S3Error error = MakeS3Error(request, response);
  EXPECT_EQ(AllOf(error).find("CANARY"), std::string::npos) << AllOf(error);
  EXPECT_NE(error.detail().find("bad: ****, ****"), std::string::npos) << error.detail();
}

TEST(MakeS3Error, SaysThatNothingWasModified) {
  HttpResponse response;
  response.status = 304;
  const S3Error error = MakeS3Error(GetObject("files", "a"), response);
  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_STREQ(error.what(), "object \"a\" in bucket \"files\" was not modified");
}

TEST(CallerHeaders, GiveWhatTheyHave) {
  const CallerHeaders headers = Of(kWithHead, {{"If-Match", " \"e\" "}});
  EXPECT_EQ(headers.Get("if-match"), "\"e\"");
  EXPECT_EQ(headers.Get("if-none-match"), "");
  for (S3Request request : {HeadObject("b", "k"), GetObject("b", "k")}) {
    headers.AddTo(kWithHead, &request);
    EXPECT_EQ(Text(request), "if-match: \"e\"");
    EXPECT_EQ(request.retry, Retry::kHarmless);
  }
}

}  // namespace
}  // namespace neon_s3

// Replies that are not what was asked for, and servers that lack something.
#include <gtest/gtest.h>

#include "net/batch_delete.h"
#include "net/multipart.h"
#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

S3Request RangeRequest(std::int64_t start, std::optional<std::int64_t> length) {
  S3Request request = GetObject("bucket", "key");
  SetRange({start, length}, &request);
  return request;
}

std::string Header(const ServedRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "none" : found->second;
}

TEST_F(S3ClientTest, CutsARangeOutOfTheWhole) {
  std::string whole;
  for (int i = 0; i < 200000; ++i) whole.append(std::to_string(i % 10));
  limits_.max_response_size = 100000;
  Begin();
  const struct {
    std::int64_t start;
    std::optional<std::int64_t> length;
  } ranges[] = {{0, 1}, {5, 3}, {99990, 10}, {0, 100000}, {199990, 100}, {199995, std::nullopt}};
  for (const ServedReply& reply :
       {ServedReply::Of(200, whole),
        ServedReply{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + whole +
                    "\r\n0\r\n\r\n"}}) {
    server_.Handle(Always(reply));
    for (const auto& [start, length] : ranges) {
      if (start > 100000) limits_.max_response_size = 300000;
      Begin();
      EXPECT_EQ(client_.Call(RangeRequest(start, length)).body,
                whole.substr(static_cast<std::size_t>(start),
                             static_cast<std::size_t>(length.value_or(300000))))
          << start;
      limits_.max_response_size = 100000;
    }
  }
  Begin();
  EXPECT_EQ(ErrorFor(RangeRequest(99991, 10)).code(), ErrorCode::kMalformedReply);
  EXPECT_EQ(ErrorFor(RangeRequest(0, 100001)).code(), ErrorCode::kMalformedReply);
}

TEST_F(S3ClientTest, TakesNoOtherBytes) {
  const std::string range = "Content-Range: bytes 5-7/40\r\n";
  const ServedReply replies[] = {
      ServedReply::Kept(206, "56", range),
      ServedReply::Kept(206, "5678", range),
      ServedReply::Kept(206, std::string(5000000, 'x'), range),
      {"HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\n" + range + "\r\n4\r\n5678\r\n0\r\n\r\n"},
      {"HTTP/1.1 206 X\r\nContent-Length: 99999999999\r\n" + range + "\r\nx", ServedReply::kHang},
      ServedReply::Kept(206, "678", "Content-Range: bytes 6-8/40\r\n"),
      ServedReply::Kept(206, "567"),
      ServedReply::Kept(204, ""),
  };
  for (const ServedReply& reply : replies) {
    server_.Handle(Always(reply));
    const std::size_t before = server_.request_count();
    const S3Error error = ErrorFor(RangeRequest(5, 3));
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply) << AllOf(error);
    EXPECT_EQ(server_.request_count(), before + 1);
  }
  server_.Handle(Always(ServedReply::Kept(206, "567", range)));
  EXPECT_EQ(client_.Call(RangeRequest(5, 3)).body, "567");
  EXPECT_EQ(ErrorFor(GetObject("bucket", "key")).code(), ErrorCode::kMalformedReply);
}

TEST_F(S3ClientTest, GivesNoBytesOfAnEmptyObject) {
  server_.Handle(Always(
      ServedReply::Kept(416, ErrorDocument("InvalidRange"), "Content-Range: bytes */0\r\n")));
  EXPECT_EQ(client_.Call(RangeRequest(5, 3)).body, "");
  server_.Handle(Always(
      ServedReply::Kept(416, ErrorDocument("InvalidRange"), "Content-Range: bytes */4\r\n")));
  EXPECT_EQ(ErrorFor(RangeRequest(5, 3)).code(), ErrorCode::kRefused);
}

TEST_F(S3ClientTest, WantsToKnowWhereAnObjectEnds) {
  server_.Handle(Always({"HTTP/1.1 200 OK\r\n\r\nhel"}));
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
  EXPECT_NE(error.detail().find("does not give the length"), std::string::npos) << error.detail();
  EXPECT_EQ(client_.Call(ListObjects("bucket", {})).body, "hel");  // XML tells by itself
}

TEST_F(S3ClientTest, TakesNoTwoLengths) {
  for (const ServedReply& reply :
       {ServedReply::Of(200, "hello", "Content-Length: 4\r\n"),
        ServedReply::Of(200, "hello", "content-length: 6\r\n"),
        ServedReply::Of(200, "hello", "ETag: \"a\"\r\nETag: \"b\"\r\n")}) {
    server_.Handle(Always(reply));
    for (const S3Request& request : {GetObject("bucket", "key"), HeadObject("bucket", "key")}) {
      EXPECT_EQ(ErrorFor(request).code(), ErrorCode::kMalformedReply) << reply.bytes;
    }
  }
  server_.Handle(Always(ServedReply::Of(200, "hello", "Content-Length: 5\r\n")));
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, "hello");
}

TEST_F(S3ClientTest, SendsMd5WhereOtherChecksumsAreUnknown) {
  server_.Handle([](const ServedRequest& request) {
    return Header(request, "x-amz-checksum-crc32c") == "none"
               ? ServedReply::Kept(200, "")
               : ServedReply::Kept(501, ErrorDocument("NotImplemented"));
  });
  limits_.max_attempts = 1;
  Begin();
  client_.Call(PutObject("bucket", "key", "hello", {}, false));
  client_.Call(PutObject("bucket", "key", "hello", {}, true));  // remembers
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(Header(requests[0], "x-amz-checksum-crc32c"), "mnG7TA==");
  EXPECT_EQ(Header(requests[1], "content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
  EXPECT_EQ(Header(requests[2], "content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
  EXPECT_TRUE(client_.ServerLacks(ServerLack::kChecksums));

  HttpServer other(Always(ServedReply::Kept(501, ErrorDocument("NotImplemented"))));
  Ask(other.url());
  EXPECT_FALSE(client_.ServerLacks(ServerLack::kChecksums));
  EXPECT_EQ(ErrorFor(PutObject("bucket", "key", "hello", {}, true)).code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(other.request_count(), 2u);
  EXPECT_FALSE(client_.ServerLacks(ServerLack::kChecksums));  // it is something else
}

// Breaks off the first request that ends the upload, and knows no upload after that.
HttpServer::Handler EndsUnheard(const ServedReply& head) {
  auto is_done = std::make_shared<std::atomic<bool>>(false);
  return [=](const ServedRequest& request) {
    if (request.method == "HEAD") return head;
    return is_done->exchange(true) ? ServedReply::Kept(404, ErrorDocument("NoSuchUpload"))
                                   : ServedReply{""};
  };
}

TEST_F(S3ClientTest, LooksForWhatWasCompletedUnheard) {
  const auto complete = [&] {
    return CompleteUpload(client_, "bucket", "key", "u", {{1, "a", {}}, {2, "b", {}}}, true);
  };
  server_.Handle(EndsUnheard(ServedReply::Of(200, "", "ETag: \"x-2\"\r\nx-amz-version-id: v\r\n")));
  const WrittenObject written = complete();
  EXPECT_EQ(written.etag, "x-2");
  EXPECT_EQ(written.version_id, "v");

  server_.Handle(EndsUnheard(ServedReply::Of(404, "")));
  const Error missing = ErrorOf(complete);
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_STREQ(missing.what(), "multipart upload of \"key\" in bucket \"bucket\" does not exist");

  server_.Handle(EndsUnheard(ServedReply::Of(200, "", "ETag: \"old\"\r\n")));
  EXPECT_EQ(ErrorOf(complete).code(), ErrorCode::kConnectionLost);  // nobody can tell

  server_.Handle(Always(ServedReply::Kept(404, ErrorDocument("NoSuchUpload"))));
  const std::size_t before = server_.request_count();
  EXPECT_EQ(ErrorOf(complete).code(), ErrorCode::kNotFound);
  EXPECT_EQ(server_.request_count(), before + 1);
}

TEST_F(S3ClientTest, AbortsUnheard) {
  const auto abort = [&] { AbortUpload(client_, "bucket", "key", "u"); };
  server_.Handle(EndsUnheard({""}));
  EXPECT_NO_THROW(abort());
  EXPECT_EQ(ErrorOf(abort).code(), ErrorCode::kNotFound);
}

// The keys that are gone, in the order of the outcomes.
std::string Deleted(S3Client& client, const std::vector<std::string_view>& keys) {
  std::string text;
  BatchDelete batch;
  for (batch.Plan("bucket", keys.data(), keys.size()); !batch.done(); batch.Pop()) {
    batch.Advance(client);
    std::size_t key = batch.first();
    for (const DeletedObject& object : batch.deleted()) {
      text.append(keys[key++]).append(object.code).append(" ");
    }
  }
  return text;
}

TEST_F(S3ClientTest, DeletesOneByOneWhereItMust) {
  const std::vector<std::string_view> keys = {"a", "b", "c", "d\x01", "e", "f"};
  const ServedReply refusals[] = {ServedReply::Kept(501, ""), ServedReply::Kept(405, ""),
                                  ServedReply::Kept(400, ErrorDocument("InvalidArgument"))};
  for (const ServedReply& refusal : refusals) {
    HttpServer server([refusal](const ServedRequest& request) {
      if (request.method == "POST") return refusal;
      return request.target == "/bucket/b" ? ServedReply::Kept(403, ErrorDocument("AccessDenied"))
                                           : ServedReply::Kept(204, "");
    });
    Ask(server.url());
    EXPECT_EQ(Deleted(client_, keys), "a bAccessDenied c d\x01 e f ");
    EXPECT_EQ(Deleted(client_, {"later", "b", "latest"}), "later bAccessDenied latest ");
    // A POST of the first call may be served after that call has dropped it: its body tells.
    for (const ServedRequest& request : server.requests()) {
      EXPECT_EQ(request.body.find("late"), std::string::npos) << request.body;
    }
  }
  for (const char* code : {"AuthorizationHeaderMalformed", "ExpiredToken"}) {
    server_.Handle(Always(ServedReply::Kept(400, ErrorDocument(code))));
    Ask(server_.url());
    EXPECT_EQ(ErrorOf([&] { Deleted(client_, keys); }).detail().find(code), 5u);
  }
}

TEST_F(S3ClientTest, MasksItsSecretsInWordsOfS3) {
  service_.credentials.session_token = "CANARY-TOKEN";
  Begin();
  const std::string words = "<Message>got CANARY-TOKEN and CANARY-SECRET</Message>";
  server_.Handle(Always(ServedReply::Kept(403, "<Error><Code>X</Code>" + words + "</Error>")));
  EXPECT_NE(ErrorFor(GetObject("bucket", "key")).detail().find("got **** and ****"),
            std::string::npos);
}

// The body of a request that lends memory, and how often that was wanted.
std::pair<std::string, int> BodyInMemory(S3Client& client, S3Request request) {
  request.lends_memory = true;
  client.Submit(7, std::move(request));
  std::string memory;
  for (int lent = 0;; ++lent) {
    const S3Reply reply = client.Next();
    if (reply.error) throw *reply.error;
    if (reply.memory_wanted == 0) {
      return {
          reply.response.placed > 0 ? memory.substr(0, reply.response.placed) : reply.response.body,
          lent};
    }
    memory.assign(reply.memory_wanted, '\0');
    client.Lend(reply.id, memory.data());
  }
}

TEST_F(S3ClientTest, PutsALargeBodyIntoMemoryOfTheCaller) {
  std::string large;
  while (large.size() < 9000000) large.append(std::to_string(large.size()));
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size());
  server_.Handle(Always(ServedReply::Kept(200, large)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(BodyInMemory(client_, GetObject("bucket", "key")), std::make_pair(large, 1));
  }
  EXPECT_EQ(server_.connection_count(), 1);
  EXPECT_EQ(BodyInMemory(client_, RangeRequest(5, 5000000)),
            std::make_pair(large.substr(5, 5000000), 1));

  server_.Handle(
      First(1, {head + "\r\n\r\n" + large.substr(0, 6000000)}, ServedReply::Kept(200, large)));
  EXPECT_EQ(BodyInMemory(client_, GetObject("bucket", "key")), std::make_pair(large, 2));
  server_.Handle(
      First(1, {head + "\r\n\r\n" + large.substr(0, 6000000)}, ServedReply::Kept(200, "small")));
  EXPECT_EQ(BodyInMemory(client_, GetObject("bucket", "key")),
            std::make_pair(std::string("small"), 1));

  server_.Handle(Always(ServedReply::Of(500, large)));
  EXPECT_EQ(ErrorOf([&] { BodyInMemory(client_, GetObject("bucket", "key")); }).code(),
            ErrorCode::kTooLarge);
  server_.Handle(Always({head + "\r\n\r\n" + large.substr(0, 6000000), ServedReply::kHang}));
  limits_.request_timeout = 500ms;
  Begin();
  EXPECT_EQ(ErrorOf([&] { BodyInMemory(client_, GetObject("bucket", "key")); }).code(),
            ErrorCode::kConnectionLost);
  EXPECT_FALSE(client_.busy());
}

TEST(MayMove, FromPlainEndpointsOnly) {
  for (const char* url : {"https://s3.eu-central-1.amazonaws.com", "https://s3.amazonaws.com",
                          "https://s3.cn-north-1.amazonaws.com.cn", "http://127.0.0.1:9000",
                          "https://s3.example.com"}) {
    EXPECT_TRUE(MayMove(ParseEndpointUrl(url))) << url;
  }
  for (const char* url :
       {"https://s3-fips.us-east-1.amazonaws.com", "https://s3.dualstack.us-east-1.amazonaws.com",
        "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
        "https://s3-accelerate.amazonaws.com", "https://s3.us-east-1.amazonaws.com:8443"}) {
    EXPECT_FALSE(MayMove(ParseEndpointUrl(url))) << url;
  }
}

}  // namespace
}  // namespace neon_s3::test

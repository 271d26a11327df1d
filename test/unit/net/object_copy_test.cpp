#include "net/object_copy.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include <gtest/gtest.h>

#include "expect_error.h"
#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// A server that copies, and keeps account of it.
class CopyServer {
 public:
  explicit CopyServer(HttpServer* server) {
    server->Handle([this](const ServedRequest& request) { return Answer(request); });
  }

  std::int64_t size = 5;
  std::string source_headers;  // lines
  int failing_part = 0;        // which is refused, as the source was replaced
  std::atomic<int> parts{0};
  int cancelling_part = 0;  // which is where the caller gives up

 private:
  ServedReply Answer(const ServedRequest& request) {
    const bool is_part = request.target.find("partNumber=") != std::string::npos;
    if (request.method == "HEAD") return Head();
    if (request.method == "GET") {
      return ServedReply::Kept(200,
                               "<Tagging><TagSet><Tag><Key>a b</Key><Value>c&amp;d</Value></Tag>"
                               "<Tag><Key>e</Key><Value/></Tag></TagSet></Tagging>");
    }
    if (request.method == "DELETE") return ServedReply::Kept(204, "");
    if (request.method == "POST" && request.target.find("uploads") != std::string::npos) {
      return ServedReply::Kept(200,
                               "<InitiateMultipartUploadResult><UploadId>U</UploadId>"
                               "</InitiateMultipartUploadResult>");
    }
    if (request.method == "POST") {
      return ServedReply::Kept(200,
                               "<CompleteMultipartUploadResult><ETag>\"all-1\"</ETag>"
                               "</CompleteMultipartUploadResult>");
    }
    if (!is_part) {
      return ServedReply::Kept(200, "<CopyObjectResult><ETag>\"whole\"</ETag></CopyObjectResult>");
    }
    return Part(std::atoi(request.target.c_str() + request.target.find("partNumber=") + 11));
  }

  ServedReply Head() {
    return ServedReply{"HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(size) +
                       "\r\netag: \"e1\"\r\n" + source_headers + "\r\n"};
  }

  ServedReply Part(int number) {
    std::this_thread::sleep_for(5ms);
    ++parts;
    if (number == failing_part) {
      return ServedReply::Kept(412, ErrorDocument("PreconditionFailed"));
    }
    if (number == cancelling_part) cancel_flag = true;
    return ServedReply::Kept(
        200, "<CopyPartResult><ETag>\"p" + std::to_string(number) + "\"</ETag></CopyPartResult>");
  }
};

class ObjectCopyTest : public S3ClientTest {
 protected:
  ObjectCopyTest() : copies_(&server_) {}

  WrittenObject Copy(std::initializer_list<std::pair<const char*, const char*>> fields = {},
                     const CopyLimits& limits = {}) {
    CallerHeaders headers(kCopyRequests);
    for (const auto& [name, value] : fields) headers.Add(name, value);
    copy_.emplace(CopyNames{"from", "a b", "", "to", "c"}, headers, limits);
    steps_.clear();
    return copy_->Perform(client_, [this](int done, int total) {
      steps_.push_back(std::to_string(done) + "/" + std::to_string(total));
    });
  }

  // Of the requests whose method and target start so.
  std::vector<ServedRequest> Sent(const std::string& start) {
    std::vector<ServedRequest> found;
    for (const ServedRequest& request : server_.requests()) {
      const std::string line = request.method + " " + request.target;
      if (line.compare(0, start.size(), start) == 0) found.push_back(request);
    }
    return found;
  }

  CopyServer copies_;
  std::optional<ObjectCopy> copy_;
  std::vector<std::string> steps_;
};

std::string HeaderOf(const ServedRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "none" : found->second;
}

TEST_F(ObjectCopyTest, TakesOneRequestUpTo5GiB) {
  copies_.size = 5 * kGiB;
  EXPECT_EQ(Copy().etag, "whole");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method + requests[0].target, "HEAD/from/a%20b");
  EXPECT_EQ(requests[1].method + requests[1].target, "PUT/to/c");
  EXPECT_EQ(HeaderOf(requests[1], "x-amz-copy-source"), "from/a%20b");
  EXPECT_EQ(HeaderOf(requests[1], "x-amz-metadata-directive"), "none");
  EXPECT_FALSE(copy_->has_upload());
}

TEST_F(ObjectCopyTest, GoesInPartsAboveThat) {
  copies_.size = 6 * kGiB + 1;
  copies_.source_headers =
      "content-type: video/mp4\r\ncache-control: no-store\r\ncontent-disposition: inline\r\n"
      "content-encoding: gzip\r\ncontent-language: de\r\nexpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n"
      "x-amz-meta-owner: =?UTF-8?Q?Zo=C3=AB?=\r\nx-amz-tagging-count: 2\r\n";
  EXPECT_EQ(Copy().etag, "all-1");
  EXPECT_FALSE(copy_->has_upload());

  const auto begun = Sent("POST /to/c?uploads=");
  ASSERT_EQ(begun.size(), 1u);
  EXPECT_EQ(HeaderOf(begun[0], "content-type"), "video/mp4");
  EXPECT_EQ(HeaderOf(begun[0], "cache-control"), "no-store");
  EXPECT_EQ(HeaderOf(begun[0], "content-disposition"), "inline");
  EXPECT_EQ(HeaderOf(begun[0], "content-encoding"), "gzip");
  EXPECT_EQ(HeaderOf(begun[0], "content-language"), "de");
  EXPECT_EQ(HeaderOf(begun[0], "expires"), "Thu, 01 Jan 2099 00:00:00 GMT");
  EXPECT_EQ(HeaderOf(begun[0], "x-amz-meta-owner"), "Zo\xc3\xab");
  EXPECT_EQ(HeaderOf(begun[0], "x-amz-tagging"), "a%20b=c%26d&e=");

  // Every byte once.
  const auto parts = Sent("PUT /to/c?partNumber=");
  ASSERT_EQ(parts.size(), 49u);
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for (const ServedRequest& part : parts) {
    EXPECT_EQ(HeaderOf(part, "x-amz-copy-source"), "from/a%20b");
    EXPECT_EQ(HeaderOf(part, "x-amz-copy-source-if-match"), "\"e1\"");
    long long first, last;
    ASSERT_EQ(std::sscanf(HeaderOf(part, "x-amz-copy-source-range").c_str(), "bytes=%lld-%lld",
                          &first, &last),
              2);
    ranges.emplace_back(first, last);
  }
  std::sort(ranges.begin(), ranges.end());
  std::int64_t next = 0;
  for (const auto& [first, last] : ranges) {
    EXPECT_EQ(first, next);
    next = last + 1;
  }
  EXPECT_EQ(next, copies_.size);
  EXPECT_EQ(steps_.front(), "0/49");
  EXPECT_EQ(steps_.back(), "48/49");

  const auto completed = Sent("POST /to/c?uploadId=U");
  ASSERT_EQ(completed.size(), 1u);
  EXPECT_NE(completed[0].body.find("<PartNumber>49</PartNumber>"), std::string::npos);
  EXPECT_GT(server_.peak(), 1);
  EXPECT_LE(server_.peak(), 16);
}

TEST_F(ObjectCopyTest, TakesLargerPartsWhere10000AreTooFew) {
  EXPECT_EQ(PlanCopy(6 * kGiB, {}).part_count, 48);
  EXPECT_EQ(PlanCopy(5 * kGiB * 1024, {}).part_size, 525 << 20);
  copies_.size = 5 * kGiB * 1024 + 1;
  EXPECT_ERROR(ErrorCode::kBadArgument, Copy());
  EXPECT_EQ(server_.request_count(), 1u);
}

TEST_F(ObjectCopyTest, FailsWhereTheSourceIsReplacedMeanwhile) {
  copies_.size = 6 * kGiB;
  copies_.failing_part = 20;
  const Error error = ErrorOf([&] { Copy(); });
  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_STREQ(error.what(), "object \"a b\" in bucket \"from\" was changed meanwhile");
  EXPECT_TRUE(copy_->has_upload());
  Begin();
  copy_->Abort(client_);
  EXPECT_EQ(Sent("DELETE /to/c?uploadId=U").size(), 1u);
  EXPECT_EQ(Sent("POST /to/c?uploadId=U").size(), 0u);
}

TEST_F(ObjectCopyTest, CanBeCancelledBetweenParts) {
  copies_.size = 600 * kGiB;
  copies_.cancelling_part = 5;
  EXPECT_ERROR(ErrorCode::kCancelled, Copy());
  EXPECT_TRUE(copy_->has_upload());
  EXPECT_LT(copies_.parts, 60);
}

TEST_F(ObjectCopyTest, ReplacesWhatIsGivenAndKeepsTheRest) {
  copies_.source_headers =
      "content-type: text/plain\r\ncache-control: no-store\r\nx-amz-meta-a: 1\r\n"
      "x-amz-meta-b: 2\r\n";
  Copy({{"cache-control", "max-age=5"}});
  ServedRequest request = server_.requests().back();
  EXPECT_EQ(HeaderOf(request, "x-amz-metadata-directive"), "REPLACE");
  EXPECT_EQ(HeaderOf(request, "x-amz-copy-source-if-match"), "\"e1\"");
  EXPECT_EQ(HeaderOf(request, "cache-control"), "max-age=5");
  EXPECT_EQ(HeaderOf(request, "content-type"), "text/plain");
  EXPECT_EQ(HeaderOf(request, "x-amz-meta-b"), "2");

  Copy({{"x-amz-meta-c", "3"}});
  request = server_.requests().back();
  EXPECT_EQ(HeaderOf(request, "content-type"), "text/plain");
  EXPECT_EQ(HeaderOf(request, "cache-control"), "no-store");
  EXPECT_EQ(HeaderOf(request, "x-amz-meta-c"), "3");
  EXPECT_EQ(HeaderOf(request, "x-amz-meta-a"), "none");

  Copy({{"x-amz-metadata-directive", "REPLACE"}, {"content-type", "a/b"}});
  request = server_.requests().back();
  EXPECT_EQ(HeaderOf(request, "content-type"), "a/b");
  EXPECT_EQ(HeaderOf(request, "cache-control"), "none");
  EXPECT_EQ(HeaderOf(request, "x-amz-meta-a"), "none");

  Copy({{"x-amz-tagging", "k=v"}, {"x-amz-storage-class", "GLACIER"}});
  request = server_.requests().back();
  EXPECT_EQ(HeaderOf(request, "x-amz-tagging-directive"), "REPLACE");
  EXPECT_EQ(HeaderOf(request, "x-amz-storage-class"), "GLACIER");
  EXPECT_EQ(HeaderOf(request, "x-amz-metadata-directive"), "none");
  EXPECT_EQ(HeaderOf(request, "x-amz-meta-a"), "none");
}

TEST_F(ObjectCopyTest, ReplacesInPartsToo) {
  copies_.size = 6 * kGiB;
  copies_.source_headers =
      "content-type: text/plain\r\nx-amz-meta-a: 1\r\nx-amz-tagging-count: 2\r\n";
  Copy({{"x-amz-meta-b", "2"},
        {"x-amz-tagging", "k=v"},
        {"x-amz-storage-class", "GLACIER"},
        {"x-amz-server-side-encryption-customer-key", "NEW"},
        {"x-amz-copy-source-server-side-encryption-customer-key", "OLD"}});
  const ServedRequest begun = Sent("POST /to/c?uploads=").at(0);
  EXPECT_EQ(HeaderOf(begun, "content-type"), "text/plain");
  EXPECT_EQ(HeaderOf(begun, "x-amz-meta-a"), "none");
  EXPECT_EQ(HeaderOf(begun, "x-amz-meta-b"), "2");
  EXPECT_EQ(HeaderOf(begun, "x-amz-tagging"), "k=v");
  EXPECT_EQ(HeaderOf(begun, "x-amz-storage-class"), "GLACIER");
  EXPECT_EQ(HeaderOf(begun, "x-amz-server-side-encryption-customer-key"), "NEW");
  const ServedRequest part = Sent("PUT /to/c?partNumber=").at(0);
  EXPECT_EQ(HeaderOf(part, "x-amz-storage-class"), "none");
  EXPECT_EQ(HeaderOf(part, "x-amz-server-side-encryption-customer-key"), "NEW");
  EXPECT_EQ(HeaderOf(part, "x-amz-copy-source-server-side-encryption-customer-key"), "OLD");
  EXPECT_EQ(HeaderOf(Sent("HEAD ").at(0), "x-amz-server-side-encryption-customer-key"), "OLD");
  EXPECT_EQ(Sent("GET ").size(), 0u);
}

TEST_F(ObjectCopyTest, RefusesContradictions) {
  EXPECT_ERROR(ErrorCode::kBadArgument,
               Copy({{"x-amz-metadata-directive", "COPY"}, {"x-amz-meta-a", "1"}}));
  EXPECT_ERROR(ErrorCode::kBadArgument,
               Copy({{"x-amz-tagging-directive", "COPY"}, {"x-amz-tagging", "a=1"}}));
  EXPECT_EQ(server_.request_count(), 0u);
}

// On a real server, where the environment names one: an object of 12 MiB, as if S3 took no more
// than 5 MiB at once.
TEST_F(ObjectCopyTest, CopiesPartsOnARealServer) {
  const char* endpoint = std::getenv("S3_ENDPOINT");
  if (endpoint == nullptr) GTEST_SKIP() << "S3_ENDPOINT is not set";
  service_.region = std::getenv("S3_REGION");
  service_.credentials = {std::getenv("S3_ACCESS_KEY_ID"), std::getenv("S3_SECRET_ACCESS_KEY"), "",
                          std::nullopt};
  limits_.request_timeout = 60s;
  Ask(endpoint);
  const std::string bucket = "neon-s3-unit-" + std::to_string(std::time(nullptr));
  client_.Call(CreateBucket(bucket, service_.region, true));
  std::string body;
  while (body.size() < 12 << 20) body.append(std::to_string(body.size()));
  S3Request put =
      PutObject(bucket, "source", body, {"text/x-source", {{"owner", "Zo\xc3\xab"}}}, true);
  put.headers.push_back({"cache-control", "no-store"});
  put.headers.push_back({"x-amz-tagging", "team=a%20b"});
  client_.Call(put);

  copy_.emplace(CopyNames{bucket, "source", "", bucket, "copy"}, CallerHeaders(kCopyRequests),
                CopyLimits{5 << 20, 5 << 20});
  EXPECT_NE(copy_->Perform(client_, [](int, int) {}).etag, "");
  EXPECT_TRUE(client_.Call(GetObject(bucket, "copy")).body == body);
  const HttpResponse head = client_.Call(HeadObject(bucket, "copy"));
  const ObjectInfo copied = ParseObjectInfo(head);
  EXPECT_EQ(copied.etag.substr(copied.etag.size() - 2), "-2");
  EXPECT_EQ(copied.content_type, "text/x-source");
  EXPECT_EQ(copied.metadata, (Metadata{{"owner", "Zo\xc3\xab"}}));
  EXPECT_EQ(head.Header("cache-control"), "no-store");
  // (Ceph keeps no tags of multipart uploads.)
  EXPECT_EQ(ParseTagging(client_.Call(GetObjectTagging(bucket, "source")).body), "team=a%20b");

  for (const char* key : {"source", "copy"}) client_.Call(DeleteObject(bucket, key));
  client_.Call(DeleteBucket(bucket));
}

}  // namespace
}  // namespace neon_s3::test

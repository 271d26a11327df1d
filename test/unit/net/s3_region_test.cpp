// Buckets in other regions, and refusals that give no reason.
#include <gtest/gtest.h>

#include "net/bucket_regions.h"
#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

// Takes what is signed for eu-west-1, and answers the rest like this.
HttpServer::Handler InEuWest1(const ServedReply& otherwise) {
  return [otherwise](const ServedRequest& request) {
    return SignedRegion(request) == "eu-west-1" ? ServedReply::Kept(200, "fine") : otherwise;
  };
}

TEST_F(S3ClientTest, MovesToTheRegionOfTheBucket) {
  HttpServer other(Always(ServedReply::Kept(200, "stolen")));
  const std::string location = "Location: " + other.url() + "/\r\n";
  const std::string header = "x-amz-bucket-region: eu-west-1\r\n";
  const ServedReply redirects[] = {
      ServedReply::Kept(301, ErrorDocument("PermanentRedirect"), header + location),
      ServedReply::Kept(307, "", header + location),
      ServedReply::Kept(
          400, ErrorDocument("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")),
  };
  int number = 0;
  for (const ServedReply& redirect : redirects) {
    const std::string bucket = "bucket-" + std::to_string(++number);
    server_.Handle(InEuWest1(redirect));
    limits_.max_attempts = 1;  // to follow is no repetition
    Begin();
    const std::size_t before = server_.request_count();
    EXPECT_EQ(client_.Call(PutObject(bucket, "key", "body", {}, false)).body, "fine");
    const auto requests = server_.requests();
    ASSERT_EQ(requests.size(), before + 2);
    EXPECT_EQ(SignedRegion(requests[before]), "us-east-1");
    EXPECT_EQ(SignedRegion(requests[before + 1]), "eu-west-1");
    EXPECT_EQ(requests[before + 1].body, "body");

    Begin();  // and remembers it
    EXPECT_EQ(client_.Call(GetObject(bucket, "key")).body, "fine");
    EXPECT_EQ(server_.request_count(), before + 3);
  }
  EXPECT_EQ(other.request_count(), 0u);
}

TEST_F(S3ClientTest, CountsNoMoveAsAnAttempt) {
  std::atomic<int> count{0};
  server_.Handle([&](const ServedRequest& request) {
    if (SignedRegion(request) != "eu-west-1") {
      return ServedReply::Kept(301, "", "x-amz-bucket-region: eu-west-1\r\n");
    }
    return ++count < 3 ? ServedReply::Kept(503, "") : ServedReply::Kept(200, "fine");
  });
  EXPECT_EQ(client_.Call(GetObject("bucket", "key")).body, "fine");
  EXPECT_EQ(client_.usage().retries, 3);
}

TEST_F(S3ClientTest, MovesOnce) {
  std::atomic<int> count{0};
  server_.Handle([&](const ServedRequest&) {
    return ServedReply::Kept(301, ErrorDocument("PermanentRedirect"),
                             "x-amz-bucket-region: eu-west-" + std::to_string(++count) + "\r\n");
  });
  const S3Error error = ErrorFor(GetObject("bucket", "key"));
  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_EQ(error.status(), 301);
  EXPECT_EQ(count, 2);
}

TEST_F(S3ClientTest, FollowsNoOtherRedirects) {
  HttpServer other(Always(ServedReply::Kept(200, "stolen")));
  const std::string location = "Location: " + other.url() + "/\r\n";
  const ServedReply redirects[] = {
      ServedReply::Kept(301, "", location),
      ServedReply::Kept(302, "", location + "x-amz-bucket-region: eu-west-1\r\n"),
      ServedReply::Kept(307, "", location + "x-amz-bucket-region: us-east-1\r\n"),
      ServedReply::Kept(301, "", location + "x-amz-bucket-region: evil.example.com/\r\n"),
      ServedReply::Kept(400, ErrorDocument("IllegalLocationConstraintException"),
                        location + "x-amz-bucket-region: eu-west-1\r\n"),
  };
  for (const ServedReply& redirect : redirects) {
    server_.Handle(Always(redirect));
    const std::size_t before = server_.request_count();
    ErrorFor(GetObject("bucket", "key"));
    EXPECT_EQ(server_.request_count(), before + 1) << redirect.bytes;
  }
  EXPECT_EQ(other.request_count(), 0u);
}

TEST_F(S3ClientTest, AsksWhyAHeadWasRefused) {
  server_.Handle([](const ServedRequest& request) {
    return ServedReply::Kept(403, request.method == "HEAD" ? "" : ErrorDocument("ExpiredToken"));
  });
  const S3Error error = ErrorFor(HeadObject("bucket", "key", "v1"));
  EXPECT_EQ(error.code(), ErrorCode::kNoCredentials);
  EXPECT_EQ(error.s3_code(), "ExpiredToken");
  EXPECT_EQ(error.status(), 403);
  ServedRequest inquiry = server_.requests().at(1);
  EXPECT_EQ(inquiry.method, "GET");
  EXPECT_EQ(inquiry.target, "/bucket/key?versionId=v1");
  EXPECT_EQ(inquiry.headers.at("range"), "bytes=0-0");

  EXPECT_EQ(ErrorFor(HeadBucket("bucket")).s3_code(), "ExpiredToken");
  inquiry = server_.requests().at(3);
  EXPECT_EQ(inquiry.target, "/bucket?location=");
  EXPECT_EQ(client_.usage().retries, 0);
}

TEST_F(S3ClientTest, TakesTheRefusalWhereNoReasonIsGiven) {
  const ServedReply inquiries[] = {ServedReply{""}, ServedReply::Kept(200, "x"),
                                   ServedReply::Kept(404, ErrorDocument("NoSuchKey")),
                                   ServedReply::Of(200, std::string(100000, 'x'))};
  for (const ServedReply& reply : inquiries) {
    server_.Handle([reply](const ServedRequest& request) {
      return request.method == "HEAD" ? ServedReply::Kept(403, "") : reply;
    });
    const S3Error error = ErrorFor(HeadObject("bucket", "key"));
    EXPECT_EQ(error.code(), ErrorCode::kRefused);
    EXPECT_EQ(error.status(), 403);
    EXPECT_EQ(error.s3_code(), "");
  }
  for (const int status : {404, 412}) {
    server_.Handle(Always(ServedReply::Kept(status, "")));
    const std::size_t before = server_.request_count();
    EXPECT_EQ(ErrorFor(HeadObject("bucket", "key")).status(), status);
    EXPECT_EQ(server_.request_count(), before + 1);
  }
}

TEST_F(S3ClientTest, LearnsTheRegionFromTheInquiry) {
  server_.Handle([](const ServedRequest& request) {
    if (SignedRegion(request) == "eu-west-1") return ServedReply::Kept(200, "");
    return ServedReply::Kept(
        400, request.method == "HEAD"
                 ? ""
                 : ErrorDocument("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"));
  });
  EXPECT_EQ(client_.Call(HeadObject("bucket", "key")).status, 200);
  EXPECT_EQ(server_.request_count(), 3u);
}

TEST(BucketRegions, AreKeptByEndpoint) {
  BucketRegions regions;
  const Endpoint one = ParseEndpointUrl("https://one.example.com");
  regions.Remember(one, "bucket", "eu-west-1");
  EXPECT_EQ(regions.Find(one, "bucket"), "eu-west-1");
  EXPECT_EQ(regions.Find(one, "other"), "");
  EXPECT_EQ(regions.Find(ParseEndpointUrl("https://two.example.com"), "bucket"), "");
  for (int i = 0; i < 5000; ++i) regions.Remember(one, std::to_string(i), "eu-west-2");
  EXPECT_EQ(regions.Find(one, "4999"), "eu-west-2");
}

}  // namespace
}  // namespace neon_s3::test

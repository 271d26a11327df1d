// Objects that are sent while they are made, and read while they are used.
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "net/ranged_read.h"
#include "net/streamed_upload.h"
#include "s3_client_fixture.h"

namespace neon_s3::test {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::string Pattern(std::size_t size) {
  std::string bytes;
  for (unsigned n = 0; bytes.size() < size; ++n) bytes += std::to_string(n) + ";";
  bytes.resize(size);
  return bytes;
}

// One object in one bucket, with as much of S3 as is asked of it.
class Bucket {
 public:
  HttpServer::Handler Handler() {
    return [this](const ServedRequest& request) {
      const std::lock_guard<std::mutex> lock(mutex_);
      return Answer(request);
    };
  }
  std::string object, etag = "first";
  bool is_whole = false, is_aborted = false;
  std::function<void()> on_get = [] {};  // before the reply

 private:
  static ServedReply Xml(const std::string& root, const std::string& content) {
    return ServedReply::Kept(200, "<" + root + ">" + content + "</" + root + ">");
  }
  ServedReply Answer(const ServedRequest& request) {
    const auto has = [&](const char* text) {
      return request.target.find(text) != std::string::npos;
    };
    if (request.method == "GET" || request.method == "HEAD") return Get(request);
    if (request.method == "DELETE") {
      is_aborted = true;
      return ServedReply::Kept(204, "");
    }
    if (has("?uploads")) return Xml("InitiateMultipartUploadResult", "<UploadId>u</UploadId>");
    if (request.method == "POST") return Complete();
    if (!has("partNumber=")) {
      object = request.body;
      is_whole = true;
      return ServedReply::Kept(200, "", "ETag: \"whole\"\r\n");
    }
    const int number = std::stoi(request.target.substr(request.target.find("partNumber=") + 11));
    parts_[number] = request.body;
    return ServedReply::Kept(200, "", "ETag: \"p" + std::to_string(number) + "\"\r\n");
  }
  ServedReply Complete() {
    object.clear();
    for (const auto& part : parts_) object += part.second;
    return Xml("CompleteMultipartUploadResult", "<ETag>\"done\"</ETag>");
  }
  ServedReply Get(const ServedRequest& request) {
    const std::string tag = "ETag: \"" + etag + "\"\r\n";
    if (request.method == "HEAD") return ServedReply::Kept(200, object, tag);
    on_get();
    const auto condition = request.headers.find("if-match");
    if (condition != request.headers.end() && condition->second != "\"" + etag + "\"") {
      return ServedReply::Kept(412, ErrorDocument("PreconditionFailed"));
    }
    const std::string range = request.headers.at("range").substr(6);
    const std::size_t first = std::stoul(range),
                      last = std::stoul(range.substr(range.find('-') + 1));
    return ServedReply::Kept(
        206, object.substr(first, last - first + 1),
        tag + "Content-Range: bytes " + range + "/" + std::to_string(object.size()) + "\r\n");
  }

  std::mutex mutex_;
  std::map<int, std::string> parts_;
};

class StreamsTest : public S3ClientTest {
 protected:
  StreamsTest() {
    server_.Handle(bucket_.Handler());
    limits_.request_timeout = 60s;
    Begin();
  }
  ~StreamsTest() override { server_.Handle(Always(ServedReply::Kept(200, ""))); }

  void Upload(StreamedUpload* upload, const std::string& bytes, std::size_t step) {
    upload->Begin("bucket", "key", "text/csv");
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      upload->Add(client_, std::string_view(bytes).substr(at, step));
    }
  }
  std::string ReadAll(RangedRead* read, std::size_t step) {
    std::string all;
    for (;;) {
      const std::string_view next = read->Peek(client_).substr(0, step);
      if (next.empty()) return all;
      all.append(next);
      read->Consume(next.size());
    }
  }

  Bucket bucket_;
};

TEST_F(StreamsTest, PutsWhatFitsOnePartAsAWhole) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 8 * kMiB}) {
    bucket_.is_whole = false;
    const std::string bytes = Pattern(size);
    StreamedUpload upload;
    Upload(&upload, bytes, 100000);
    EXPECT_EQ(upload.Finish(client_).etag, "whole");
    EXPECT_TRUE(bucket_.is_whole && bucket_.object == bytes) << size;
    EXPECT_EQ(upload.size(), static_cast<std::int64_t>(size));
    EXPECT_EQ(upload.part_count(), 1);
    upload.Abandon(client_);
    EXPECT_FALSE(bucket_.is_aborted);
  }
}

TEST_F(StreamsTest, SendsMoreInParts) {
  const std::string bytes = Pattern(42 * kMiB + 5);
  StreamedUpload upload;
  Upload(&upload, bytes, kMiB + 77);
  EXPECT_EQ(upload.Finish(client_).etag, "done");
  EXPECT_TRUE(bucket_.object == bytes);
  EXPECT_FALSE(bucket_.is_whole);
  EXPECT_EQ(upload.size(), static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(upload.part_count(), 6);
  EXPECT_LE(server_.peak(), 4);
  upload.Abandon(client_);
  EXPECT_FALSE(bucket_.is_aborted);
}

TEST_F(StreamsTest, AbandonsWhatItBegan) {
  StreamedUpload upload;
  Upload(&upload, Pattern(17 * kMiB), kMiB);
  client_.BeginLast(2s);
  upload.Abandon(client_);
  EXPECT_TRUE(bucket_.is_aborted);
}

TEST_F(StreamsTest, SendsPartsAgainAfterAPause) {
  const std::string bytes = Pattern(20 * kMiB);
  StreamedUpload upload(1ms);
  upload.Begin("bucket", "key", "text/csv");
  for (std::size_t at = 0; at < bytes.size(); at += 2 * kMiB) {
    std::this_thread::sleep_for(5ms);
    upload.Add(client_, std::string_view(bytes).substr(at, 2 * kMiB));
  }
  EXPECT_EQ(upload.Finish(client_).etag, "done");
  EXPECT_TRUE(bucket_.object == bytes);
}

TEST_F(StreamsTest, SendsPartsAgainThatBrokeWhileTheyWereLeft) {
  const std::string bytes = Pattern(9 * kMiB);
  server_.Handle(
      [this, left = std::make_shared<std::atomic<int>>(1)](const ServedRequest& request) {
        const bool is_first_part =
            request.target.find("partNumber=1&") != std::string::npos && (*left)-- > 0;
        return is_first_part ? ServedReply{"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nab"}
                             : bucket_.Handler()(request);
      });
  limits_.max_attempts = 1;
  Begin();
  StreamedUpload upload(1h);
  Upload(&upload, bytes, kMiB / 2);
  EXPECT_EQ(upload.Finish(client_).etag, "done");
  EXPECT_TRUE(bucket_.object == bytes);
}

TEST_F(StreamsTest, ReadsFromStartToEnd) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 8 * kMiB, 50 * kMiB + 5}) {
    bucket_.object = Pattern(size);
    RangedRead read;
    read.Begin(client_, "bucket", "key", 256 * kMiB);
    EXPECT_EQ(read.size(), static_cast<std::int64_t>(size));
    EXPECT_TRUE(ReadAll(&read, 65536) == bucket_.object) << size;
    EXPECT_EQ(read.parts_done(), read.part_count());
  }
  EXPECT_LE(server_.peak(), 4);
}

TEST_F(StreamsTest, ReadsOnAfterPauses) {
  bucket_.object = Pattern(30 * kMiB);
  RangedRead read(1ms);
  read.Begin(client_, "bucket", "key", 256 * kMiB);
  std::string all;
  for (;;) {
    const std::string_view next = read.Peek(client_).substr(0, kMiB);
    if (next.empty()) break;
    all.append(next);
    read.Consume(next.size());
    if (all.size() % (3 * kMiB) == 0) std::this_thread::sleep_for(5ms);
  }
  EXPECT_TRUE(all == bucket_.object);
}

TEST_F(StreamsTest, RefusesAnObjectThatIsReplaced) {
  bucket_.object = Pattern(50 * kMiB);
  RangedRead read;
  read.Begin(client_, "bucket", "key", 256 * kMiB);
  read.Peek(client_);
  bucket_.on_get = [this] { bucket_.etag = "second"; };
  try {
    ReadAll(&read, kMiB);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRefused) << AllOf(error);
  }
}

}  // namespace
}  // namespace neon_s3::test

// A client of S3 that asks a server of the test's own.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "http_server.h"
#include "net/endpoint_url.h"
#include "net/s3_client.h"
#include "net_test_util.h"

namespace neon_s3::test {

using namespace std::chrono_literals;

inline std::atomic<bool> cancel_flag{false};

inline std::string ErrorDocument(const std::string& code, const std::string& more = {}) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
         "</Code><Message>no</Message>" + more + "<RequestId>R1</RequestId></Error>";
}

inline HttpServer::Handler Always(const ServedReply& reply) {
  return [reply](const ServedRequest&) { return reply; };
}

// The first reply so many times, then the other one.
inline HttpServer::Handler First(int count, const ServedReply& first, const ServedReply& then) {
  auto left = std::make_shared<std::atomic<int>>(count);
  return [=](const ServedRequest&) { return (*left)-- > 0 ? first : then; };
}

// The region that the signature is for.
inline std::string SignedRegion(const ServedRequest& request) {
  const auto found = request.headers.find("authorization");
  if (found == request.headers.end()) return "none";
  const std::size_t scope = found->second.find("/s3/aws4_request");
  const std::size_t slash = found->second.rfind('/', scope - 1);
  return found->second.substr(slash + 1, scope - slash - 1);
}

inline std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class S3ClientTest : public testing::Test {
 protected:
  S3ClientTest() {
    cancel_flag = false;
    service_.region = "us-east-1";
    service_.credentials = {"AKID", "CANARY-SECRET", "", std::nullopt};
    limits_.request_timeout = 5s;
    limits_.cancelled = [] { return cancel_flag.load(); };
    Ask(server_.url());
  }

  void Ask(const std::string& url) {
    service_.endpoint = ParseEndpointUrl(url);
    Begin();
  }
  void Begin() { client_.Begin(service_, limits_); }

  // Of a Call(); fails where there is none.
  S3Error ErrorFor(S3Request request) {
    try {
      client_.Call(std::move(request));
    } catch (const S3Error& error) {
      EXPECT_EQ(AllOf(error).find("CANARY"), std::string::npos) << AllOf(error);
      return error;
    }
    ADD_FAILURE() << "no error";
    return S3Error(ErrorCode::kSystem, 0, "", "no error", "", "");
  }

  HttpServer server_{Always(ServedReply::Kept(200, "fine"))};
  S3Service service_;
  S3Limits limits_;
  S3Client client_;
};

}  // namespace neon_s3::test

// HTTP over libcurl: one request at a time, within limits. C++'s regime.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "core/http_message.h"
#include "net/monotonic.h"

namespace neon_s3 {

struct HttpLimits {
  MonotonicTime deadline;  // of the whole request
  std::chrono::milliseconds connect_timeout{10000};
  std::size_t max_body_size;  // of the response
  // Link-local and metadata addresses (metadata_address.h) are refused unless the request is meant
  // for one: a name that somebody chose may resolve to any address.
  bool may_reach_metadata = false;
  bool (*cancelled)() = nullptr;  // asked every 50 ms
};

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();

  // The response, whatever its status; its headers take 64 KiB at most. Redirects are not followed,
  // and proxies not used. libcurl starts with the first call in the process. (It keeps copies of
  // what it sends and receives in buffers of its own, which are not wiped.)
  //
  // kConnect, kConnectionLost (broke or timed out), kMalformedReply, kTooLarge, kCancelled;
  // kNotPermitted for an address that may not be reached; kBadArgument for a URL or header that
  // can't be sent.
  HttpResponse Perform(const HttpRequest& request, const HttpLimits& limits);

 private:
  struct Multi;
  std::unique_ptr<Multi> multi_;
};

}  // namespace neon_s3

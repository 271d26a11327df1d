// HTTP over libcurl: several requests at once, each within its limits. C++ side.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "core/http_message.h"
#include "net/http_exchange.h"

namespace neon_s3 {

// How often a request asks whether it was cancelled.
constexpr std::chrono::milliseconds kPollInterval{50};

// libcurl starts with the first request in the process. (It keeps copies of what it sends and
// receives in buffers of its own, which are not wiped.)
class HttpClient {
 public:
  // As many connections are kept at most.
  explicit HttpClient(long max_kept_connections = 16);
  ~HttpClient();

  // The response, whatever its status; its headers take 64 KiB at most. Redirects are not followed,
  // and no proxies used but HttpLimits::proxy. Not while other requests are under way.
  //
  // kConnect, kConnectionLost (broke or timed out), kMalformedReply, kTooLarge, kCancelled;
  // kNotPermitted for an address that may not be reached; kBadArgument for a URL or header that
  // can't be sent; kNoCredentials where the proxy refuses its user and password.
  HttpResponse Perform(const HttpRequest& request, const HttpLimits& limits);

  // The same for several: kBadArgument is thrown here, other errors come with the reply. The
  // request's body stays where it is until then.
  void Start(std::size_t id, const HttpRequest& request, const HttpLimits& limits);
  std::size_t running() const;
  // A request that is done; or nothing, after everything was moved on and `longest` has passed or
  // something happened.
  std::optional<HttpReply> Step(std::chrono::milliseconds longest);

  // Memory for the body of a request that waits for it; it is the client's until the reply.
  void Lend(std::size_t id, char* memory);

  // Ends what is under way; connections that are idle stay.
  void Drop();
  // Closes them too.
  void Disconnect();

  // Since the client was made, with what is under way.
  HttpTraffic traffic() const;

 private:
  struct State;
  State& Started();

  const long max_kept_connections_;
  std::unique_ptr<State> state_;
};

}  // namespace neon_s3

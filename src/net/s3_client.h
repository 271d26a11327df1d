// S3 over HTTP: signed, within limits, repeated where that is safe, several at once. C++ side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/credentials.h"
#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/s3_request.h"
#include "core/s3_response.h"

namespace neon_s3 {

// Where, and as whom.
struct S3Service {
  Endpoint endpoint;
  AddressingStyle addressing_style = AddressingStyle::kAuto;
  std::string region;
  OwnedCredentials credentials;
  bool is_anonymous = false;  // nothing is signed
};

// Since Begin().
struct S3Usage {
  std::int64_t requests = 0;  // those that were asked for
  std::int64_t retries = 0;   // attempts beyond the first of each
  std::int64_t errors = 0;
  std::int64_t bytes_sent = 0, bytes_received = 0;  // of bodies
  std::int64_t bytes_announced = 0;  // those to be received, as far as the server has said
};

struct S3Limits {
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds request_timeout{60000};  // of one request, its repetitions included
  int max_attempts = 3;
  std::size_t max_response_size = 256 << 20;  // bytes of an object; documents have 16 MiB at most
  std::size_t max_in_flight = 16;             // requests at once
  std::string ca_file;                        // PEM; empty: the system's
  bool allow_http = false;                    // without TLS to other addresses than loopback
  std::string allowed_hosts;                  // "a.example.com, *.example.org"; empty: all
  bool (*cancelled)() = nullptr;              // asked at least every 50 ms
  std::function<void(const S3Usage& usage)> on_progress;  // after every step; may be null
};

// A request that is done, one way or the other.
struct S3Reply {
  std::size_t id;
  HttpResponse response;         // 2xx
  std::optional<S3Error> error;  // else; status 0 where there was no reply at all
};

// One of a backend: connections are kept and used again (HTTP/2 where the server has it).
class S3Client {
 public:
  S3Client();
  ~S3Client();

  // What follows goes there and in these limits; what was left under way is dropped.
  // kBadArgument for a pattern in allowed_hosts that is none. (Requests are kNotPermitted where it
  // has neither the endpoint's host, nor the one with the bucket in front.)
  void Begin(S3Service service, S3Limits limits);

  // One request and its reply, 2xx; anything else is thrown (S3Error where S3 answered). Not while
  // others are under way.
  //
  // Repeated like AWS's "standard" mode: attempts up to max_attempts, waits of full jitter between
  // them, Retry-After; network errors, 429, 5xx and throttling, where Repeat allows it. A reply
  // that names another region is followed once, signed anew; the bucket's region is remembered. A
  // 200 whose body is an <Error> is an error.
  HttpResponse Call(S3Request request);

  // Several: as many at once as max_in_flight allows, the rest wait. kCancelled is thrown by
  // Next().
  void Submit(std::size_t id, S3Request request);
  bool busy() const;  // something was submitted whose reply Next() did not give yet
  S3Reply Next();     // the next to be done, in any order; only while busy()

  // Drops what is under way. Connections that are idle are kept.
  void Drop();

  const S3Usage& usage() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neon_s3

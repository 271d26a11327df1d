// What goes into one request over HTTP, and what comes out of it, beside the messages themselves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/error.h"
#include "core/http_message.h"
#include "net/http_proxy.h"
#include "net/monotonic.h"

namespace neon_s3 {

struct HttpLimits {
  MonotonicTime deadline;  // of the whole request
  std::chrono::milliseconds connect_timeout{10000};
  std::size_t max_body_size;             // of the response
  std::size_t max_error_size = 1 << 20;  // of one that is not 2xx, where that is less
  // The bytes that were asked for: a 206 with more of them is kMalformedReply, and of a 200 they
  // alone are kept; it is kMalformedReply where they end after max_body_size.
  std::optional<ByteRange> range;
  // kMalformedReply for a body that ends with the connection: nobody can tell whether it was cut.
  bool needs_length = false;
  // A large body of a known length waits for memory of the caller's (HttpClient::Lend()): it is
  // copied once less, and what takes it in may already be its last place.
  bool lends_memory = false;
  bool (*cancelled)() = nullptr;  // Perform()'s, asked every 50 ms

  // Link-local and metadata addresses (metadata_address.h) are refused unless the request is meant
  // for one: a name that somebody chose may resolve to any address.
  bool may_reach_metadata = false;
  // http:// to other addresses than loopback.
  bool may_be_plain = true;
  const char* ca_file = nullptr;  // PEM; none: the system's
  // Good until the request is started. The addresses above are those of the proxy then: it looks up
  // the host's, which is judged by its name.
  const HttpProxy* proxy = nullptr;

  // The connection is left to later requests, and one that was left is used: the next request may
  // be hours away, and under another policy. HTTP/2 where a TLS server has it.
  bool keep_connection = false;
  // A kept connection may turn out to be closed once the request was sent, and libcurl sends it
  // again then. Where that is not harmless, the request has a connection of its own.
  bool may_retry = true;
};

// A request that is done: the response, whatever its status, or an error.
struct HttpReply {
  std::size_t id;
  HttpResponse response;
  std::optional<Error> error;
  bool will_last = false;         // the error, however often the request is sent
  std::size_t memory_wanted = 0;  // not done: the body waits for that much memory
};

// Bytes of bodies.
struct HttpTraffic {
  std::int64_t sent = 0, received = 0;
  std::int64_t announced = 0;  // of what is received, as far as servers have said

  HttpTraffic& operator+=(const HttpTraffic& more) {
    sent += more.sent;
    received += more.received;
    announced += more.announced;
    return *this;
  }
};

}  // namespace neon_s3

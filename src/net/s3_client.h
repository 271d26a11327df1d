// S3 over HTTP: signed, within limits, retried where that is safe, several at once. C++ side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/credentials.h"
#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/request_signer.h"
#include "core/s3_error.h"
#include "core/s3_request.h"
#include "core/s3_response.h"
#include "net/bucket_regions.h"
#include "net/host_patterns.h"
#include "net/http_client.h"
#include "net/retry.h"
#include "net/s3_job.h"
#include "net/server_clocks.h"
#include "net/server_traits.h"

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
  std::chrono::milliseconds request_timeout{60000};  // of one request, with its retries
  int max_attempts = 3;
  std::size_t max_response_size = 256 << 20;  // bytes of an object; documents have 16 MiB at most
  std::size_t max_in_flight = 16;             // requests at once
  std::string ca_file;                        // PEM; empty: the system's
  bool allow_http = false;                    // without TLS to other addresses than loopback
  std::string allowed_hosts;                  // "a.example.com, *.example.org"; empty: all
  std::optional<HttpProxy> proxy;
  bool (*cancelled)() = nullptr;                          // asked at least every 50 ms
  std::function<void(const S3Usage& usage)> on_progress;  // after every step; may be null
};

// A request that is done, one way or the other.
struct S3Reply {
  std::size_t id;
  HttpResponse response;          // 2xx
  std::optional<S3Error> error;   // else; status 0 where there was no reply at all
  std::size_t memory_wanted = 0;  // not done: the body waits for that much memory (Lend())
};

// What an S3Client takes from outside; tests put their own in its place.
struct S3Surroundings {
  std::int64_t (*time_of_day)();   // seconds since 1970
  std::function<double()> random;  // 0 to 1

  static S3Surroundings Real();
};

// One of a backend: connections are kept and used again (HTTP/2 where the server has it).
class S3Client {
 public:
  explicit S3Client(S3Surroundings surroundings = S3Surroundings::Real());

  // What follows goes there and in these limits; what was left under way is dropped.
  // kBadArgument for an invalid pattern in allowed_hosts. (Requests are kNotPermitted where it has
  // neither the endpoint's host, nor the one with the bucket in front.)
  void Begin(S3Service service, S3Limits limits);

  // For requests that clean up after an error: what was left under way is dropped, each of the
  // others has one attempt and so much time, and nothing cancels it.
  void BeginLast(std::chrono::milliseconds request_timeout);

  // One request and its reply, 2xx, of GetObject with what was asked for (CheckObject()); anything
  // else is thrown, as an S3Error. Not while others are under way.
  //
  // Retried like AWS's "standard" mode: attempts up to max_attempts, waits of full jitter between
  // them, Retry-After; network errors, 429, 5xx and throttling, where Retry allows it. A reply that
  // names another region is followed once, signed anew, where the endpoint is one of Amazon's plain
  // regional ones or not Amazon's; the bucket's region is remembered. A request that is refused for
  // its time (RequestTimeTooSkewed) is signed once more, with the time that the server tells; so
  // are later ones to that endpoint (ServerClocks). Where checksums are refused, Content-MD5 is
  // sent. A 200 whose body is an <Error> is an error. A range of an object without bytes has none.
  HttpResponse Call(S3Request request);

  // Several: as many at once as max_in_flight allows, the rest wait. kCancelled is thrown by
  // Next().
  void Submit(std::size_t id, S3Request request);
  bool busy() const;  // something was submitted whose reply Next() did not give yet
  S3Reply Next();     // the next to be done, in any order; only while busy()
  // Moves on what was submitted, and waits for nothing: for who has other work before Next().
  void Poll();

  // For a request that lends memory, where Next() said that it waits for some; its next reply may
  // want other memory, after a retry.
  void Lend(std::size_t id, char* memory);

  // Drops what is under way. Connections that are idle are kept.
  void Drop();

  // What the server that is asked now is known not to have: for the session.
  bool ServerLacks(ServerLack lack) const { return traits_.Lacks(service_.endpoint, lack); }
  void RememberLack(ServerLack lack) { traits_.Remember(service_.endpoint, lack); }

  // Seconds that the server asked now is ahead of this machine's clock, where that made it refuse.
  std::int64_t clock_offset() const { return OffsetOf(service_.endpoint); }

  const S3Usage& usage() const { return usage_; }

 private:
  S3Reply Await();
  void Proceed(std::chrono::milliseconds longest);
  void CountBytes();
  void CheckCancelled() const;
  void CheckHost(const Endpoint& endpoint, const Address& address) const;
  void StartReady();
  void Activate(S3Job* job);
  void Start(S3Job* job);
  HttpRequest Sign(const S3Job& job, const Address& address);
  HttpLimits LimitsFor(const S3Job& job) const;
  std::chrono::milliseconds LongestWait() const;

  void OnReply(HttpReply reply);
  void OnFailure(S3Job* job, const HttpReply& reply);
  bool Redirect(S3Job* job, const HttpResponse& response);
  std::int64_t OffsetOf(const Endpoint& endpoint) const;
  bool CorrectClock(S3Job* job, const HttpResponse& response);
  bool SendWithoutChecksum(S3Job* job, const HttpResponse& response);
  bool Probe(S3Job* job, HttpReply* reply);
  void OnProbe(S3Job* job, const HttpReply& reply);
  bool RetryLater(S3Job* job, const S3Error& error, const HttpResponse& response);
  void Succeed(S3Job* job, HttpResponse response);
  void Fail(S3Job* job, const S3Error& error);
  void Finish(S3Job* job, S3Reply reply);

  const S3Surroundings surroundings_;
  S3Service service_;
  S3Limits limits_;
  HostPatterns allowed_hosts_;
  S3Usage usage_;
  HttpTraffic traffic_before_;

  std::deque<std::unique_ptr<S3Job>> waiting_;
  std::vector<std::unique_ptr<S3Job>> active_;
  std::deque<S3Reply> done_;
  std::size_t next_number_ = 0;

  HttpClient http_;
  RequestSigner signer_;
  BucketRegions regions_;
  ServerTraits traits_;
  ServerClocks clocks_;
  RetryQuota quota_;
};

}  // namespace neon_s3

#include "net/s3_client.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <utility>

#include "core/access_point.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "net/loopback.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxDocumentSize = 16 << 20;
constexpr std::size_t kMaxProbeSize = 64 << 10;
constexpr std::size_t kMaxSignedBody = 1 << 20;
constexpr std::chrono::milliseconds kTimeForProbe{500};
constexpr std::int64_t kLeastCorrection = 60;  // seconds: the reason is another one below

Address AddressOf(const Endpoint& endpoint, AddressingStyle style, const std::string& bucket) {
  if (!bucket.empty()) return ResolveAddress(endpoint, style, bucket);
  return {endpoint.scheme, endpoint.authority(), endpoint.base_path};
}

// The hash of a large body costs more than its transfer over a fast network.
Payload PayloadFor(const S3Request& request, const Endpoint& endpoint) {
  const bool is_protected = endpoint.scheme == "https" || IsLoopbackHost(endpoint.host);
  return is_protected && request.body().size() > kMaxSignedBody ? Payload::kUnsigned
                                                                : Payload::kSigned;
}

bool SameProxy(const std::optional<HttpProxy>& a, const std::optional<HttpProxy>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->url == b->url && a->user == b->user && a->password == b->password;
}

}  // namespace

S3Surroundings S3Surroundings::Real() {
  const auto seed = MonotonicNow().time_since_epoch().count();
  std::minstd_rand generator(static_cast<std::minstd_rand::result_type>(seed));
  return {[]() -> std::int64_t { return std::time(nullptr); },
          [generator]() mutable { return std::uniform_real_distribution<>()(generator); }};
}

S3Client::S3Client(S3Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

void S3Client::Begin(S3Service service, S3Limits limits) {
  Drop();
  // A connection that was kept would get around it.
  const bool has_new_proxy = !SameProxy(limits_.proxy, limits.proxy);
  if (has_new_proxy || (limits_.allow_http && !limits.allow_http)) http_.Disconnect();
  allowed_hosts_ = HostPatterns(limits.allowed_hosts);
  service_ = std::move(service);
  limits_ = std::move(limits);
  usage_ = S3Usage();
  traffic_before_ = http_.traffic();
  quota_ = RetryQuota();
}

void S3Client::BeginLast(std::chrono::milliseconds request_timeout) {
  Drop();
  limits_.request_timeout = request_timeout;
  limits_.max_attempts = 1;
  limits_.cancelled = nullptr;
}

HttpResponse S3Client::Call(S3Request request) {
  Submit(0, std::move(request));
  S3Reply reply = Next();
  if (reply.error) throw *reply.error;
  return std::move(reply.response);
}

void S3Client::Submit(std::size_t id, S3Request request) {
  auto job = std::make_unique<S3Job>();
  job->id = id;
  job->number = next_number_++;
  job->request = std::move(request);
  waiting_.push_back(std::move(job));
  ++usage_.requests;
}

bool S3Client::busy() const { return !done_.empty() || !active_.empty() || !waiting_.empty(); }

S3Reply S3Client::Next() {
  try {
    return Await();
  } catch (...) {
    Drop();
    throw;
  }
}

void S3Client::Poll() {
  try {
    StartReady();
    Proceed(std::chrono::milliseconds(0));
  } catch (...) {
    Drop();
    throw;
  }
}

void S3Client::Lend(std::size_t id, char* memory) {
  for (const auto& job : active_) {
    if (job->id == id) http_.Lend(job->number, memory);
  }
}

void S3Client::Drop() {
  http_.Drop();
  waiting_.clear();
  active_.clear();
  done_.clear();
}

S3Reply S3Client::Await() {
  for (;;) {
    CheckCancelled();
    StartReady();
    if (!done_.empty()) break;
    Proceed(LongestWait());
  }
  S3Reply reply = std::move(done_.front());
  done_.pop_front();
  return reply;
}

void S3Client::Proceed(std::chrono::milliseconds longest) {
  if (std::optional<HttpReply> reply = http_.Step(longest)) OnReply(std::move(*reply));
  CountBytes();
  if (limits_.on_progress != nullptr) limits_.on_progress(usage_);
}

void S3Client::CountBytes() {
  const HttpTraffic traffic = http_.traffic();
  usage_.bytes_sent = traffic.sent - traffic_before_.sent;
  usage_.bytes_received = traffic.received - traffic_before_.received;
  usage_.bytes_announced = traffic.announced - traffic_before_.announced;
}

void S3Client::CheckCancelled() const {
  if (limits_.cancelled == nullptr || !limits_.cancelled()) return;
  throw Error(ErrorCode::kCancelled,
              "request to \"" + service_.endpoint.authority() + "\" was cancelled");
}

// The endpoint's host, or the one with the bucket in front of it. (Access points may be elsewhere.)
void S3Client::CheckHost(const Endpoint& endpoint, const Address& address) const {
  std::string_view host = address.host;
  if (!endpoint.port.empty()) host.remove_suffix(endpoint.port.size() + 1);
  const bool is_below = host == endpoint.host || EndsWith(host, "." + endpoint.host);
  if ((is_below && allowed_hosts_.Allows(endpoint.host)) || allowed_hosts_.Allows(host)) return;
  const std::string refused(is_below ? std::string_view(endpoint.host) : host);
  throw Error(ErrorCode::kNotPermitted, "host \"" + refused + "\" is not permitted",
              "neon_s3.allowed_hosts lists the hosts that are.");
}

void S3Client::StartReady() {
  const std::size_t most = std::max<std::size_t>(limits_.max_in_flight, 1);
  while (active_.size() < most && !waiting_.empty()) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    Activate(active_.back().get());
  }
  const MonotonicTime now = MonotonicNow();
  for (std::size_t i = 0; i < active_.size(); ++i) {
    S3Job* job = active_[i].get();
    if (job->is_running || job->not_before > now) continue;
    try {
      Start(job);
    } catch (const Error& error) {
      Fail(job, S3Error(error));
      --i;
    }
  }
}

void S3Client::Activate(S3Job* job) {
  job->deadline = MonotonicNow() + limits_.request_timeout;
  job->endpoint = service_.endpoint;
  job->region = RegionFor(job->request.bucket, service_.region);
  if (ServerLacks(ServerLack::kChecksums)) UseMd5(&job->request);
  const std::string region = regions_.Find(service_.endpoint, job->request.bucket);
  if (region.empty()) return;
  job->region = region;
  if (job->endpoint.is_aws()) job->endpoint = AwsEndpoint(region);
}

void S3Client::Start(S3Job* job) {
  const Address address =
      AddressOf(job->endpoint, service_.addressing_style, job->current().bucket);
  CheckHost(job->endpoint, address);
  job->clock_offset = OffsetOf(job->endpoint);
  http_.Start(job->number, Sign(*job, address), LimitsFor(*job));
  job->is_running = true;
  if (!job->refusal && ++job->attempts > 1) ++usage_.retries;
}

HttpRequest S3Client::Sign(const S3Job& job, const Address& address) {
  const S3Request& request = job.current();
  if (service_.is_anonymous) return WithoutSignature(request, address);
  // The time of day, whatever time the caller signs for: S3 takes none that is minutes off.
  return signer_.Sign(request, address, job.region, service_.credentials.view(),
                      UtcTime(surroundings_.time_of_day() + job.clock_offset),
                      PayloadFor(request, job.endpoint));
}

HttpLimits S3Client::LimitsFor(const S3Job& job) const {
  const S3Request& request = job.request;
  HttpLimits limits;
  limits.deadline = job.deadline;
  limits.connect_timeout = limits_.connect_timeout;
  limits.max_body_size = request.is_object_body ? limits_.max_response_size : kMaxDocumentSize;
  if (job.refusal) limits.max_body_size = kMaxProbeSize;
  limits.range = request.range;
  limits.needs_length = request.is_object_body;
  limits.lends_memory = request.lends_memory && !job.refusal;
  limits.may_be_plain = limits_.allow_http;
  limits.ca_file = limits_.ca_file.empty() ? nullptr : limits_.ca_file.c_str();
  limits.proxy = limits_.proxy ? &*limits_.proxy : nullptr;
  limits.keep_connection = true;
  limits.may_retry = request.retry == Retry::kHarmless;
  return limits;
}

std::chrono::milliseconds S3Client::LongestWait() const {
  const MonotonicTime now = MonotonicNow();
  auto longest = kPollInterval;
  for (const auto& job : active_) {
    if (job->is_running) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(job->not_before - now);
    longest = std::clamp(left, std::chrono::milliseconds(0), longest);
  }
  return longest;
}

void S3Client::OnReply(HttpReply reply) {
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [&](const auto& other) { return other->number == reply.id; });
  S3Job* job = found->get();
  if (reply.memory_wanted > 0) return done_.push_back({job->id, {}, {}, reply.memory_wanted});
  job->is_running = false;
  if (job->refusal) return OnProbe(job, reply);
  if (reply.error) return OnFailure(job, reply);
  if (IsSuccess(job->request, reply.response)) return Succeed(job, std::move(reply.response));
  if (IsEmptyObject(job->request, reply.response)) return Finish(job, {job->id, {}, {}, 0});
  if (Redirect(job, reply.response) || CorrectClock(job, reply.response)) return;
  if (SendWithoutChecksum(job, reply.response)) return;
  if (!Probe(job, &reply)) OnFailure(job, reply);
}

void S3Client::OnFailure(S3Job* job, const HttpReply& reply) {
  const S3Error error =
      reply.error ? S3Error(*reply.error)
                  : MakeS3Error(job->request, reply.response, service_.credentials.view());
  if (reply.will_last || !RetryLater(job, error, reply.response)) Fail(job, error);
}

// To the region that the reply names, once.
bool S3Client::Redirect(S3Job* job, const HttpResponse& response) {
  const bool is_aws = service_.endpoint.is_aws();
  if (job->has_moved || (service_.is_anonymous && !is_aws) || IsArn(job->request.bucket)) {
    return false;
  }
  const std::string region = OtherRegion(job->request, response, job->region);
  if (region.empty() || !MayMove(service_.endpoint)) return false;
  regions_.Remember(service_.endpoint, job->request.bucket, region);
  job->has_moved = true;
  --job->attempts;  // this was none
  ++usage_.retries;
  job->region = region;
  if (is_aws) job->endpoint = AwsEndpoint(region);
  return true;
}

std::int64_t S3Client::OffsetOf(const Endpoint& endpoint) const {
  return clocks_.OffsetOf(endpoint, surroundings_.time_of_day(), MonotonicNow());
}

// Once. What was refused for its time was not done.
bool S3Client::CorrectClock(S3Job* job, const HttpResponse& response) {
  if (job->was_skewed || service_.is_anonymous) return false;
  const std::int64_t now = surroundings_.time_of_day();
  const auto offset = OffsetAfterSkew(response, now);
  if (!offset || std::abs(*offset - job->clock_offset) < kLeastCorrection) return false;
  clocks_.Remember(job->endpoint, *offset, now, MonotonicNow());
  job->was_skewed = true;
  --job->attempts;
  ++usage_.retries;
  return true;
}

// Once, as this was not tried.
bool S3Client::SendWithoutChecksum(S3Job* job, const HttpResponse& response) {
  if (job->without_sums || !RefusesChecksum(job->request, response)) return false;
  UseMd5(&job->request);
  job->without_sums = true;
  --job->attempts;
  ++usage_.retries;
  return true;
}

bool S3Client::Probe(S3Job* job, HttpReply* reply) {
  if (!LacksReason(job->request, reply->response)) return false;
  if (MonotonicNow() + kTimeForProbe > job->deadline) return false;
  job->probe = MakeProbe(job->request);
  job->refusal = std::move(reply->response);
  return true;
}

void S3Client::OnProbe(S3Job* job, const HttpReply& reply) {
  const HttpReply refusal{job->number, std::move(*job->refusal), std::nullopt, false, 0};
  job->refusal.reset();
  const int status = reply.error ? 0 : reply.response.status;
  if (status / 100 != 4 && status / 100 != 3) return OnFailure(job, refusal);
  if (Redirect(job, reply.response) || CorrectClock(job, reply.response)) return;
  // 404: deleted since, which is not why the HEAD was refused.
  OnFailure(job, status == 404 ? refusal : reply);
}

bool S3Client::RetryLater(S3Job* job, const S3Error& error, const HttpResponse& response) {
  if (job->attempts >= limits_.max_attempts || !MayRetry(error, job->request.retry)) return false;
  auto pause = RetryPause(error, job->attempts - 1, surroundings_.random());
  const auto asked_for =
      ParseRetryAfter(response.Header("retry-after"), surroundings_.time_of_day());
  if (asked_for) pause = std::max<std::chrono::milliseconds>(pause, *asked_for);
  const MonotonicTime not_before = MonotonicNow() + pause;
  if (not_before >= job->deadline || !quota_.Take()) return false;
  job->not_before = not_before;
  return true;
}

void S3Client::Succeed(S3Job* job, HttpResponse response) {
  try {
    if (job->request.is_object_body) CheckObject(job->request, response);
  } catch (const Error& error) {
    return Fail(job, S3Error(error));
  }
  if (job->without_sums) RememberLack(ServerLack::kChecksums);
  quota_.GiveBack(job->attempts - 1);
  Finish(job, {job->id, std::move(response), std::nullopt, 0});
}

void S3Client::Fail(S3Job* job, const S3Error& error) {
  ++usage_.errors;
  Finish(job, {job->id, {}, error.WithAttempts(job->attempts), 0});
}

void S3Client::Finish(S3Job* job, S3Reply reply) {
  done_.push_back(std::move(reply));
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [&](const auto& other) { return other.get() == job; });
  active_.erase(found);
}

}  // namespace neon_s3

#include "net/s3_client.h"

#include <algorithm>
#include <ctime>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "core/request_signer.h"
#include "core/utc_time.h"
#include "net/bucket_regions.h"
#include "net/curl_client.h"
#include "net/host_patterns.h"
#include "net/loopback.h"
#include "net/retry.h"
#include "net/s3_job.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxDocumentSize = 16 << 20;
constexpr std::size_t kMaxInquirySize = 64 << 10;
constexpr std::size_t kMaxSignedBody = 1 << 20;
constexpr std::chrono::milliseconds kTimeForInquiry{500};

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

}  // namespace

struct S3Client::State {
  using JobPointer = std::unique_ptr<S3Job>;

  void Begin(S3Service new_service, S3Limits new_limits);
  void Submit(std::size_t id, S3Request request);
  bool busy() const { return !done.empty() || !active.empty() || !waiting.empty(); }
  S3Reply Next();
  void Drop();
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
  bool Move(S3Job* job, const HttpResponse& response);
  bool Inquire(S3Job* job, HttpReply* reply);
  void OnInquiry(S3Job* job, HttpReply reply);
  bool Repeat(S3Job* job, const S3Error& error, const HttpResponse& response);
  void Succeed(S3Job* job, HttpResponse response);
  void Fail(S3Job* job, const S3Error& error);
  void Finish(S3Job* job, S3Reply reply);

  S3Service service;
  S3Limits limits;
  HostPatterns allowed_hosts;
  S3Usage usage;
  HttpTraffic traffic_before;

  std::deque<JobPointer> waiting;
  std::vector<JobPointer> active;
  std::deque<S3Reply> done;
  std::size_t next_number = 0;

  HttpClient http;
  RequestSigner signer;
  BucketRegions regions;
  RetryQuota quota;
  std::minstd_rand random{
      static_cast<std::minstd_rand::result_type>(MonotonicNow().time_since_epoch().count())};
};

void S3Client::State::Begin(S3Service new_service, S3Limits new_limits) {
  Drop();
  // A connection that was kept would get around it.
  if (limits.allow_http && !new_limits.allow_http) http.Disconnect();
  allowed_hosts = HostPatterns(new_limits.allowed_hosts);
  service = std::move(new_service);
  limits = std::move(new_limits);
  usage = S3Usage();
  traffic_before = http.traffic();
  quota = RetryQuota();
}

// The endpoint's host, or the one with the bucket in front of it.
void S3Client::State::CheckHost(const Endpoint& endpoint, const Address& address) const {
  std::string_view host = address.host;
  if (!endpoint.port.empty()) host.remove_suffix(endpoint.port.size() + 1);
  if (allowed_hosts.Allows(endpoint.host) || allowed_hosts.Allows(host)) return;
  throw Error(ErrorCode::kNotPermitted, "host \"" + endpoint.host + "\" is not permitted",
              "neon_s3.allowed_hosts lists the hosts that are.");
}

void S3Client::State::Submit(std::size_t id, S3Request request) {
  auto job = std::make_unique<S3Job>();
  job->id = id;
  job->number = next_number++;
  job->request = std::move(request);
  waiting.push_back(std::move(job));
  ++usage.requests;
}

S3Reply S3Client::State::Next() {
  for (;;) {
    CheckCancelled();
    StartReady();
    if (!done.empty()) break;
    if (std::optional<HttpReply> reply = http.Step(LongestWait())) OnReply(std::move(*reply));
    CountBytes();
    if (limits.on_progress != nullptr) limits.on_progress(usage);
  }
  S3Reply reply = std::move(done.front());
  done.pop_front();
  return reply;
}

void S3Client::State::Drop() {
  http.Drop();
  waiting.clear();
  active.clear();
  done.clear();
}

void S3Client::State::CountBytes() {
  const HttpTraffic traffic = http.traffic();
  usage.bytes_sent = traffic.sent - traffic_before.sent;
  usage.bytes_received = traffic.received - traffic_before.received;
  usage.bytes_announced = traffic.announced - traffic_before.announced;
}

void S3Client::State::CheckCancelled() const {
  if (limits.cancelled == nullptr || !limits.cancelled()) return;
  throw Error(ErrorCode::kCancelled,
              "request to \"" + service.endpoint.authority() + "\" was cancelled");
}

void S3Client::State::StartReady() {
  const std::size_t most = std::max<std::size_t>(limits.max_in_flight, 1);
  while (active.size() < most && !waiting.empty()) {
    active.push_back(std::move(waiting.front()));
    waiting.pop_front();
    Activate(active.back().get());
  }
  const MonotonicTime now = MonotonicNow();
  for (std::size_t i = 0; i < active.size(); ++i) {
    S3Job* job = active[i].get();
    if (job->is_running || job->not_before > now) continue;
    try {
      Start(job);
    } catch (const Error& error) {
      Fail(job, MakeS3Error(error));
      --i;
    }
  }
}

void S3Client::State::Activate(S3Job* job) {
  job->deadline = MonotonicNow() + limits.request_timeout;
  job->endpoint = service.endpoint;
  job->region = service.region;
  const std::string region = regions.Find(service.endpoint, job->request.bucket);
  if (region.empty()) return;
  job->region = region;
  if (job->endpoint.is_aws()) job->endpoint = AwsEndpoint(region);
}

void S3Client::State::Start(S3Job* job) {
  const Address address = AddressOf(job->endpoint, service.addressing_style, job->current().bucket);
  CheckHost(job->endpoint, address);
  http.Start(job->number, Sign(*job, address), LimitsFor(*job));
  job->is_running = true;
  if (!job->refusal && ++job->attempts > 1) ++usage.retries;
}

HttpRequest S3Client::State::Sign(const S3Job& job, const Address& address) {
  const S3Request& request = job.current();
  if (service.is_anonymous) return WithoutSignature(request, address);
  // The time of day, whatever time the caller signs for: S3 takes none that is minutes off.
  return signer.Sign(request, address, job.region, service.credentials.view(),
                     UtcTime(std::time(nullptr)), PayloadFor(request, job.endpoint));
}

HttpLimits S3Client::State::LimitsFor(const S3Job& job) const {
  HttpLimits http_limits;
  http_limits.deadline = job.deadline;
  http_limits.connect_timeout = limits.connect_timeout;
  http_limits.max_body_size = job.refusal                  ? kMaxInquirySize
                              : job.request.is_object_body ? limits.max_response_size
                                                           : kMaxDocumentSize;
  http_limits.may_be_plain = limits.allow_http;
  http_limits.ca_file = limits.ca_file.empty() ? nullptr : limits.ca_file.c_str();
  http_limits.keep_connection = true;
  http_limits.may_repeat = job.request.repeat == neon_s3::Repeat::kHarmless;
  return http_limits;
}

std::chrono::milliseconds S3Client::State::LongestWait() const {
  const MonotonicTime now = MonotonicNow();
  auto longest = kPollInterval;
  for (const JobPointer& job : active) {
    if (job->is_running) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(job->not_before - now);
    longest = std::clamp(left, std::chrono::milliseconds(0), longest);
  }
  return longest;
}

void S3Client::State::OnReply(HttpReply reply) {
  const auto found = std::find_if(active.begin(), active.end(), [&](const JobPointer& other) {
    return other->number == reply.id;
  });
  S3Job* job = found->get();
  job->is_running = false;
  if (job->refusal) return OnInquiry(job, std::move(reply));
  if (!reply.error && IsSuccess(job->request, reply.response)) {
    return Succeed(job, std::move(reply.response));
  }
  if (!reply.error && (Move(job, reply.response) || Inquire(job, &reply))) return;
  OnFailure(job, reply);
}

void S3Client::State::OnFailure(S3Job* job, const HttpReply& reply) {
  const S3Error error =
      reply.error ? MakeS3Error(*reply.error) : MakeS3Error(job->request, reply.response);
  if (reply.will_last || !Repeat(job, error, reply.response)) Fail(job, error);
}

// To the region that the reply names, once.
bool S3Client::State::Move(S3Job* job, const HttpResponse& response) {
  const bool is_aws = service.endpoint.is_aws();
  if (job->has_moved || (service.is_anonymous && !is_aws)) return false;
  const std::string region = OtherRegion(job->request, response, job->region);
  if (region.empty()) return false;
  regions.Remember(service.endpoint, job->request.bucket, region);
  job->has_moved = true;
  --job->attempts;  // this was none
  ++usage.retries;
  job->region = region;
  if (is_aws) job->endpoint = AwsEndpoint(region);
  return true;
}

bool S3Client::State::Inquire(S3Job* job, HttpReply* reply) {
  if (!LacksReason(job->request, reply->response)) return false;
  if (MonotonicNow() + kTimeForInquiry > job->deadline) return false;
  job->inquiry = MakeInquiry(job->request);
  job->refusal = std::move(reply->response);
  return true;
}

void S3Client::State::OnInquiry(S3Job* job, HttpReply reply) {
  const HttpReply refusal{job->number, std::move(*job->refusal), std::nullopt};
  job->refusal.reset();
  const int status = reply.error ? 0 : reply.response.status;
  if (status / 100 != 4 && status / 100 != 3) return OnFailure(job, refusal);
  if (Move(job, reply.response)) return;
  // Somebody may just have deleted it: that is not why it was refused.
  OnFailure(job, status == 404 ? refusal : reply);
}

bool S3Client::State::Repeat(S3Job* job, const S3Error& error, const HttpResponse& response) {
  if (job->attempts >= limits.max_attempts || !MayRepeat(error, job->request.repeat)) return false;
  auto pause = RetryPause(error, job->attempts - 1, std::uniform_real_distribution<>()(random));
  const auto asked_for = ParseRetryAfter(response.Header("retry-after"), std::time(nullptr));
  if (asked_for) pause = std::max<std::chrono::milliseconds>(pause, *asked_for);
  const MonotonicTime not_before = MonotonicNow() + pause;
  if (not_before >= job->deadline || !quota.Take()) return false;
  job->not_before = not_before;
  return true;
}

void S3Client::State::Succeed(S3Job* job, HttpResponse response) {
  quota.GiveBack(job->attempts - 1);
  Finish(job, {job->id, std::move(response), std::nullopt});
}

void S3Client::State::Fail(S3Job* job, const S3Error& error) {
  ++usage.errors;
  Finish(job, {job->id, {}, WithAttempts(error, job->attempts)});
}

void S3Client::State::Finish(S3Job* job, S3Reply reply) {
  done.push_back(std::move(reply));
  const auto found = std::find_if(active.begin(), active.end(),
                                  [&](const JobPointer& other) { return other.get() == job; });
  active.erase(found);
}

S3Client::S3Client() : state_(std::make_unique<State>()) {}
S3Client::~S3Client() = default;

void S3Client::Begin(S3Service service, S3Limits limits) {
  state_->Begin(std::move(service), std::move(limits));
}

HttpResponse S3Client::Call(S3Request request) {
  Submit(0, std::move(request));
  S3Reply reply = Next();
  if (reply.error) throw *reply.error;
  return std::move(reply.response);
}

void S3Client::Submit(std::size_t id, S3Request request) { state_->Submit(id, std::move(request)); }

bool S3Client::busy() const { return state_->busy(); }

S3Reply S3Client::Next() {
  try {
    return state_->Next();
  } catch (...) {
    state_->Drop();
    throw;
  }
}

void S3Client::Drop() { state_->Drop(); }

const S3Usage& S3Client::usage() const { return state_->usage; }

}  // namespace neon_s3

#include "net/http_client.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <csignal>
#include <pthread.h>

#include <curl/curl.h>

#include "net/http_failure.h"
#include "net/http_transfer.h"

namespace neon_s3 {
namespace {

// Once; the next time again where it failed.
void StartCurl() {
  [[maybe_unused]] static const bool is_started = [] {
    const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK) throw Error(ErrorCode::kSystem, "libcurl could not be started");
    return true;
  }();
}

// libcurl's resolver threads inherit the mask, so that the server's signal handlers never run on
// one of them. The signals are let in again while the transfers wait.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
      sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_;
};

void Check(CURLMcode code) {
  if (code == CURLM_OK) return;
  if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
  throw Error(ErrorCode::kSystem, "libcurl failed", "", curl_multi_strerror(code));
}

void CheckCancelled(const HttpRequest& request, const HttpLimits& limits) {
  if (limits.cancelled == nullptr || !limits.cancelled()) return;
  throw Error(ErrorCode::kCancelled, "request to " + QuotedHost(request.url) + " was cancelled");
}

}  // namespace

struct HttpClient::State {
  explicit State(long max_kept_connections) : multi(curl_multi_init()) {
    if (multi == nullptr) throw std::bad_alloc();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, max_kept_connections);
  }
  State(const State&) = delete;
  ~State() {
    const SignalsBlocked blocked;
    Drop();
    curl_multi_cleanup(multi);
  }

  void Add(std::unique_ptr<HttpTransfer> transfer) {
    running.reserve(running.size() + 1);
    Check(curl_multi_add_handle(multi, transfer->easy()));
    running.push_back(std::move(transfer));
  }

  void Remove(HttpTransfer* transfer) {
    const auto found = std::find_if(running.begin(), running.end(),
                                    [&](const auto& other) { return other.get() == transfer; });
    curl_multi_remove_handle(multi, transfer->easy());
    finished += transfer->traffic();
    std::swap(*found, running.back());
    running.pop_back();
  }

  void Drop() {
    while (!running.empty()) Remove(running.back().get());
  }

  std::optional<HttpReply> TakeReply() {
    for (const auto& transfer : running) {
      if (const std::size_t wanted = transfer->TakeWish()) {
        return HttpReply{transfer->id(), {}, std::nullopt, false, wanted};
      }
    }
    int queued = 0;
    const CURLMsg* message = curl_multi_info_read(multi, &queued);
    if (message == nullptr) return std::nullopt;
    const CURLcode code = message->data.result;
    HttpTransfer* transfer = HttpTransfer::Of(message->easy_handle);
    HttpReply reply = transfer->Finish(code);
    Remove(transfer);
    return reply;
  }

  OpenSockets sockets;
  CURLM* multi;
  std::vector<std::unique_ptr<HttpTransfer>> running;
  HttpTraffic finished;
};

HttpClient::HttpClient(long max_kept_connections) : max_kept_connections_(max_kept_connections) {}
HttpClient::~HttpClient() = default;

HttpClient::State& HttpClient::Started() {
  StartCurl();
  if (!state_) state_ = std::make_unique<State>(max_kept_connections_);
  return *state_;
}

HttpResponse HttpClient::Perform(const HttpRequest& request, const HttpLimits& limits) {
  struct Dropping {
    HttpClient* client;
    ~Dropping() { client->Drop(); }
  } const dropping{this};

  CheckCancelled(request, limits);
  Start(0, request, limits);
  for (;;) {
    if (std::optional<HttpReply> reply = Step(kPollInterval)) {
      if (reply->error) throw *reply->error;
      return std::move(reply->response);
    }
    CheckCancelled(request, limits);
  }
}

void HttpClient::Start(std::size_t id, const HttpRequest& request, const HttpLimits& limits) {
  State& state = Started();
  const SignalsBlocked blocked;
  state.Add(std::make_unique<HttpTransfer>(id, request, limits, &state.sockets));
}

std::size_t HttpClient::running() const { return state_ ? state_->running.size() : 0; }

std::optional<HttpReply> HttpClient::Step(std::chrono::milliseconds longest) {
  State& state = Started();
  {
    const SignalsBlocked blocked;
    if (std::optional<HttpReply> reply = state.TakeReply()) return reply;
    int running = 0;
    Check(curl_multi_perform(state.multi, &running));
    if (std::optional<HttpReply> reply = state.TakeReply()) return reply;
  }
  curl_multi_poll(state.multi, nullptr, 0, static_cast<int>(longest.count()), nullptr);
  return std::nullopt;
}

void HttpClient::Lend(std::size_t id, char* memory) {
  const SignalsBlocked blocked;
  for (const auto& transfer : Started().running) {
    if (transfer->id() == id) return transfer->Lend(memory);
  }
}

void HttpClient::Drop() {
  if (!state_) return;
  const SignalsBlocked blocked;
  state_->Drop();
}

void HttpClient::Disconnect() {
  if (!state_) return;
  const HttpTraffic past = traffic();
  state_ = nullptr;
  Started().finished = past;
}

HttpTraffic HttpClient::traffic() const {
  if (!state_) return {};
  HttpTraffic sum = state_->finished;
  for (const auto& transfer : state_->running) {
    sum += transfer->traffic();
  }
  return sum;
}

}  // namespace neon_s3

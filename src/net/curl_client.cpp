#include "net/curl_client.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <string>

#include <csignal>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/error.h"
#include "core/text.h"
#include "net/header_lines.h"
#include "net/metadata_address.h"

namespace neon_s3 {
namespace {

constexpr std::chrono::milliseconds kPollInterval{50};
constexpr std::size_t kMaxHeadersSize = 64 << 10;

void StartCurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw Error(ErrorCode::kSystem, "libcurl could not be started");
}

// libcurl's resolver threads inherit the mask, so that the server's signal handlers never run on
// one of them. The signals are let in again while the transfer waits.
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

// What the callbacks leave behind. They run inside of libcurl, so they throw nothing: they note
// what is wrong and end the transfer.
struct Reception {
  explicit Reception(const HttpLimits& request_limits) : limits(request_limits) {}

  const HttpLimits& limits;
  HttpResponse response;
  std::size_t headers_size = 0;
  bool too_large = false;
  bool out_of_memory = false;
  bool address_refused = false;
};

template <typename Body>
std::size_t Receive(Reception* reception, std::size_t size, const Body& body) noexcept {
  try {
    if (!reception->too_large) body();
  } catch (...) {
    reception->out_of_memory = true;
  }
  return reception->too_large || reception->out_of_memory ? 0 : size;
}

std::size_t OnBody(char* data, std::size_t, std::size_t size, void* context) {
  auto* reception = static_cast<Reception*>(context);
  return Receive(reception, size, [&] {
    SecretString& body = reception->response.body;
    reception->too_large = size > reception->limits.max_body_size - body.size();
    if (!reception->too_large) body.append(data, size);
  });
}

void AddHeaderLine(std::string_view line, std::vector<HttpHeader>* headers) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (StartsWith(line, "HTTP/")) headers->clear();  // an interim response came before this one
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view after = line.substr(colon + 1);
  const std::size_t start = std::min(after.find_first_not_of(" \t"), after.size());
  headers->push_back({std::string(line.substr(0, colon)), SecretString(after.substr(start))});
}

std::size_t OnHeader(char* data, std::size_t, std::size_t size, void* context) {
  auto* reception = static_cast<Reception*>(context);
  return Receive(reception, size, [&] {
    reception->headers_size += size;
    reception->too_large = reception->headers_size > kMaxHeadersSize;
    if (!reception->too_large) AddHeaderLine({data, size}, &reception->response.headers);
  });
}

curl_socket_t OnOpenSocket(void* context, curlsocktype, curl_sockaddr* address) {
  auto* reception = static_cast<Reception*>(context);
  if (!reception->limits.may_reach_metadata && IsMetadataAddress(address->addr)) {
    reception->address_refused = true;
    return CURL_SOCKET_BAD;
  }
  const int fd = socket(address->family, address->socktype, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

// Printable ASCII of a text that may quote the other side, a certificate say.
std::string Legible(std::string_view text) {
  std::string legible(text);
  for (char& c : legible) {
    if (c < ' ' || c > '~') c = '?';
  }
  return legible;
}

// "host:port" of a URL, for messages.
std::string Authority(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
  return Legible(url.substr(0, url.find_first_of("/?#")));
}

// What libcurl's codes mean here. Every other one is a connection that broke.
struct Meaning {
  CURLcode curl_code;
  ErrorCode code;
};
constexpr Meaning kMeanings[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ErrorCode::kConnect},
    {CURLE_COULDNT_CONNECT, ErrorCode::kConnect},
    {CURLE_SSL_CONNECT_ERROR, ErrorCode::kConnect},
    {CURLE_PEER_FAILED_VERIFICATION, ErrorCode::kConnect},
    {CURLE_SSL_CERTPROBLEM, ErrorCode::kConnect},
    {CURLE_SSL_CIPHER, ErrorCode::kConnect},
    {CURLE_SSL_CACERT_BADFILE, ErrorCode::kConnect},
    {CURLE_SSL_ISSUER_ERROR, ErrorCode::kConnect},
    {CURLE_WEIRD_SERVER_REPLY, ErrorCode::kMalformedReply},
    {CURLE_UNSUPPORTED_PROTOCOL, ErrorCode::kMalformedReply},  // HTTP/0.9
    {CURLE_URL_MALFORMAT, ErrorCode::kBadArgument},
};

ErrorCode MeaningOf(CURLcode curl_code) {
  const auto known =
      std::find_if(std::begin(kMeanings), std::end(kMeanings),
                   [&](const Meaning& meaning) { return meaning.curl_code == curl_code; });
  return known == std::end(kMeanings) ? ErrorCode::kConnectionLost : known->code;
}

[[noreturn]] void Raise(ErrorCode code, const std::string& host, const std::string& detail) {
  const char* message = code == ErrorCode::kConnect          ? "could not connect to "
                        : code == ErrorCode::kMalformedReply ? "malformed reply from "
                        : code == ErrorCode::kBadArgument    ? "invalid URL for "
                                                             : "lost connection to ";
  throw Error(code, message + host, "", detail);
}

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

// One request, from its options to its result.
class Transfer {
 public:
  Transfer(const HttpRequest& request, const HttpLimits& limits)
      : request_(request), limits_(limits), reception_(limits), easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    SetPolicy();
    SetRequest();
    SetCallbacks();
  }

  HttpResponse Run(CURLM* multi) {
    CheckCancelled();
    const Membership membership(multi, easy_.get());
    while (Advance(multi)) Wait(multi);
    CheckResult(Result(multi));
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    reception_.response.status = static_cast<int>(status);
    return std::move(reception_.response);
  }

 private:
  // The easy handle's time in the multi handle.
  class Membership {
   public:
    Membership(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
      const SignalsBlocked blocked;
      if (curl_multi_add_handle(multi, easy) != CURLM_OK) throw std::bad_alloc();
    }
    Membership(const Membership&) = delete;
    ~Membership() {
      const SignalsBlocked blocked;
      curl_multi_remove_handle(multi_, easy_);
    }

   private:
    CURLM* multi_;
    CURL* easy_;
  };

  template <typename Value>
  void Set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy_.get(), option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK)
      throw Error(ErrorCode::kSystem, "libcurl lacks an option", "", curl_easy_strerror(code));
  }

  void SetPolicy() {
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_PATH_AS_IS, 1L);
    Set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_SSL_VERIFYPEER, 1L);
    Set(CURLOPT_SSL_VERIFYHOST, 2L);
    // Connections are not kept: the next request may be hours away, and under another policy.
    Set(CURLOPT_FORBID_REUSE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    Set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    // Else a cancelled request waits for its resolver thread.
    Set(CURLOPT_QUICK_EXIT, 1L);
#endif
  }

  void SetRequest() {
    const bool is_http =
        StartsWith(request_.url, "http://") || StartsWith(request_.url, "https://");
    if (!is_http) Raise(ErrorCode::kBadArgument, Host(), "");
    Set(CURLOPT_URL, request_.url.c_str());
    const bool has_body =
        !request_.body.empty() || request_.method == "POST" || request_.method == "PUT";
    if (request_.method == "HEAD") {
      Set(CURLOPT_NOBODY, 1L);
    } else if (has_body) {
      Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      Set(CURLOPT_POSTFIELDS, request_.body.empty() ? "" : request_.body.data());  // not copied
    }
    Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());

    bool has_type = false;
    for (const HttpHeader& header : request_.headers) {
      lines_.Add(header);
      has_type = has_type || LowerCase(header.name) == "content-type";
    }
    if (!has_type) lines_.Suppress("Content-Type");
    lines_.Suppress("Expect");
    Set(CURLOPT_HTTPHEADER, lines_.get());
    Set(CURLOPT_USERAGENT, "neon_s3");
  }

  void SetCallbacks() {
    error_text_[0] = '\0';
    Set(CURLOPT_ERRORBUFFER, error_text_);
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_timeout.count()));
    Set(CURLOPT_WRITEFUNCTION, OnBody);
    Set(CURLOPT_WRITEDATA, &reception_);
    Set(CURLOPT_HEADERFUNCTION, OnHeader);
    Set(CURLOPT_HEADERDATA, &reception_);
    Set(CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
    Set(CURLOPT_OPENSOCKETDATA, &reception_);
  }

  // True while there is more to do.
  bool Advance(CURLM* multi) {
    const SignalsBlocked blocked;
    int running = 0;
    const CURLMcode code = curl_multi_perform(multi, &running);
    if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLM_OK)
      throw Error(ErrorCode::kSystem, "libcurl failed", "", curl_multi_strerror(code));
    return running != 0;
  }

  void Wait(CURLM* multi) {
    CheckCancelled();
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(limits_.deadline - MonotonicNow());
    if (left.count() <= 0) RaiseTimeout();
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(std::min(left, kPollInterval).count()),
                    nullptr);
  }

  CURLcode Result(CURLM* multi) {
    int queued = 0;
    const CURLMsg* message = curl_multi_info_read(multi, &queued);
    return message == nullptr ? CURLE_RECV_ERROR : message->data.result;
  }

  void CheckCancelled() const {
    if (limits_.cancelled == nullptr || !limits_.cancelled()) return;
    throw Error(ErrorCode::kCancelled,
                "request to \"" + Authority(request_.url) + "\" was cancelled");
  }

  std::string Host() const { return "\"" + Authority(request_.url) + "\""; }

  [[noreturn]] void RaiseTimeout() const {
    curl_off_t connected = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (connected == 0) Raise(ErrorCode::kConnect, Host(), "The time limit was reached.");
    throw Error(ErrorCode::kConnectionLost, "request to " + Host() + " timed out");
  }

  void CheckResult(CURLcode code) const {
    if (code == CURLE_OK) return;
    if (code == CURLE_OUT_OF_MEMORY || reception_.out_of_memory) throw std::bad_alloc();
    if (reception_.too_large) {
      throw Error(ErrorCode::kTooLarge, "response from " + Host() + " is larger than the limit");
    }
    if (code == CURLE_OPERATION_TIMEDOUT) RaiseTimeout();
    if (reception_.address_refused && code == CURLE_COULDNT_CONNECT) {
      throw Error(ErrorCode::kNotPermitted, "connection to " + Host() + " is not permitted", "",
                  "It is at a link-local or metadata address.");
    }
    Raise(MeaningOf(code), Host(), Legible(*error_text_ ? error_text_ : curl_easy_strerror(code)));
  }

  const HttpRequest& request_;
  const HttpLimits& limits_;
  Reception reception_;
  HeaderLines lines_;
  char error_text_[CURL_ERROR_SIZE];
  std::unique_ptr<CURL, EasyDeleter> easy_;  // goes first: it refers to the others
};

}  // namespace

struct HttpClient::Multi {
  Multi() : handle(curl_multi_init()) {
    if (handle == nullptr) throw std::bad_alloc();
  }
  Multi(const Multi&) = delete;
  ~Multi() { curl_multi_cleanup(handle); }

  CURLM* handle;
};

HttpClient::HttpClient() = default;
HttpClient::~HttpClient() = default;

HttpResponse HttpClient::Perform(const HttpRequest& request, const HttpLimits& limits) {
  StartCurl();
  if (!multi_) multi_ = std::make_unique<Multi>();
  return Transfer(request, limits).Run(multi_->handle);
}

}  // namespace neon_s3

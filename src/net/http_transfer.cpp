#include "net/http_transfer.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/text.h"
#include "net/http_failure.h"
#include "net/loopback.h"
#include "net/metadata_address.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kLargeBody = 64 << 10;
constexpr long kBufferSize = 512 << 10;
constexpr unsigned kPeerTimeoutMs = 20000;
constexpr const char* kLacksTls = "It would be reached without TLS.";
constexpr const char* kMetadata = "It is at a link-local or metadata address.";

}  // namespace

HttpTransfer::HttpTransfer(std::size_t id, const HttpRequest& request, const HttpLimits& limits,
                           OpenSockets* sockets)
    : id_(id),
      limits_(limits),
      sockets_(sockets),
      is_plain_(StartsWith(request.url, "http://")),
      proxy_(limits.proxy == nullptr ? "" : limits.proxy->Quoted()),
      host_(QuotedHost(request.url) + (proxy_.empty() ? "" : " through proxy " + proxy_)),
      easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
  SetPolicy();
  if (limits.proxy != nullptr) {
    CheckHostBehindProxy(request.url);
    SetProxy(*limits.proxy);
  }
  SetTrust();
  SetConnection(request);
  SetRequest(request);
  SetHeaders(request);
  SetCallbacks();
}

HttpTransfer* HttpTransfer::Of(CURL* easy) {
  char* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  return reinterpret_cast<HttpTransfer*>(transfer);
}

HttpReply HttpTransfer::Finish(CURLcode code) {
  HttpReply reply{id_, {}, std::nullopt, false, 0};
  try {
    long status = 0;
    curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
    if (!proxy_.empty()) CheckProxy(code, status);
    CheckResult(code);
    reception_.response.status = static_cast<int>(status);
    reply.response = std::move(reception_.response);
  } catch (const Error& error) {
    reply.error = error;
    reply.will_last = WillLast(code) || ProxyRefuses();
  }
  return reply;
}

HttpTraffic HttpTransfer::traffic() const {
  curl_off_t sent = 0, received = 0, announced = 0;
  curl_easy_getinfo(easy(), CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(easy(), CURLINFO_SIZE_DOWNLOAD_T, &received);
  curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  return {sent, received, std::max(received, announced)};
}

template <typename Value>
void HttpTransfer::Set(CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy(), option, value);
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK)
    throw Error(ErrorCode::kSystem, "libcurl lacks an option", "", curl_easy_strerror(code));
}

void HttpTransfer::SetPolicy() {
  Set(CURLOPT_PRIVATE, this);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
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

// The environment may name hosts, all of them even, that are reached without a proxy.
void HttpTransfer::SetProxy(const HttpProxy& proxy) {
  Set(CURLOPT_PROXY, proxy.url.c_str());
  Set(CURLOPT_NOPROXY, "");
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (proxy.user.empty()) return;
  Set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
  Set(CURLOPT_PROXYUSERNAME, proxy.user.c_str());
  Set(CURLOPT_PROXYPASSWORD, proxy.password.c_str());
}

void HttpTransfer::SetTrust() {
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  const char* file = limits_.ca_file;
  if (file != nullptr) Set(CURLOPT_CAINFO, file);
#if LIBCURL_VERSION_NUM >= 0x075400
  if (file == nullptr) curl_easy_getinfo(easy(), CURLINFO_CAINFO, &file);
#endif
  // The system's directory would be trusted as well as the file; and libcurl keeps what it read of
  // certificates only where there is none, else it reads them for every connection, which takes
  // tens of milliseconds.
  if (file != nullptr) Set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
}

void HttpTransfer::SetConnection(const HttpRequest& request) {
  const auto left =
      std::chrono::floor<std::chrono::milliseconds>(limits_.deadline - MonotonicNow());
  // libcurl's clock drops fractions, too.
  Set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left.count() + 2, 1)));
  Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_timeout.count()));
  Set(CURLOPT_TCP_NODELAY, 1L);
  if (!limits_.keep_connection) {
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_FORBID_REUSE, 1L);
    return;
  }
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  if (StartsWith(request.url, "https:")) Set(CURLOPT_PIPEWAIT, 1L);
  if (!limits_.may_retry) Set(CURLOPT_FRESH_CONNECT, 1L);
  // A way to the server that was lost without a word.
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_TCP_KEEPIDLE, 10L);
  Set(CURLOPT_TCP_KEEPINTVL, 5L);
  Set(CURLOPT_BUFFERSIZE, kBufferSize);
  if (request.body.size() > kLargeBody) Set(CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
}

void HttpTransfer::SetRequest(const HttpRequest& request) {
  if (!is_plain_ && !StartsWith(request.url, "https://"))
    RaiseFailure(ErrorCode::kBadArgument, host_, "");
  Set(CURLOPT_URL, request.url.c_str());
  const bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT";
  if (request.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());  // not copied
  }
  Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void HttpTransfer::SetHeaders(const HttpRequest& request) {
  bool has_type = false;
  for (const HttpHeader& header : request.headers) {
    lines_.Add(header);
    has_type = has_type || LowerCase(header.name) == "content-type";
  }
  if (!has_type) lines_.Suppress("Content-Type");
  // Else libcurl waits for a second before it sends a large body, where the server ignores it.
  lines_.Suppress("Expect");
  Set(CURLOPT_HTTPHEADER, lines_.get());
  Set(CURLOPT_USERAGENT, "neon_s3");
}

void HttpTransfer::SetCallbacks() {
  error_text_[0] = '\0';
  Set(CURLOPT_ERRORBUFFER, error_text_);
  Set(CURLOPT_WRITEFUNCTION, OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_HEADERFUNCTION, OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
  Set(CURLOPT_OPENSOCKETDATA, this);
  Set(CURLOPT_CLOSESOCKETFUNCTION, OnCloseSocket);
  Set(CURLOPT_CLOSESOCKETDATA, sockets_);
}

template <typename Body>
std::size_t HttpTransfer::Receive(std::size_t size, const Body& body) noexcept {
  try {
    if (!reception_.is_over()) body();
  } catch (...) {
    reception_.out_of_memory = true;
  }
  return reception_.is_over() ? 0 : size;
}

void HttpTransfer::EndHeaders() {
  long local_port = 0;
  curl_off_t announced = -1;
  curl_easy_getinfo(easy(), CURLINFO_LOCAL_PORT, &local_port);
  curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  if (announced != 0 && limits_.keep_connection) sockets_->AcknowledgeNow(local_port);
  reception_.EndHeaders();
}

void HttpTransfer::BeginBody() {
  long status = 0;
  curl_off_t announced = -1;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  reception_.BeginBody(status, announced, limits_);
}

void HttpTransfer::Lend(char* memory) {
  reception_.Lend(memory);
  curl_easy_pause(easy(), CURLPAUSE_CONT);
}

std::size_t HttpTransfer::OnBody(char* data, std::size_t, std::size_t size, void* context) {
  auto* transfer = static_cast<HttpTransfer*>(context);
  const std::size_t taken = transfer->Receive(size, [&] {
    if (!transfer->reception_.has_body) transfer->BeginBody();
    if (transfer->reception_.is_over() || transfer->reception_.is_waiting) return;
    transfer->reception_.AddToBody({data, size}, transfer->limits_);
  });
  return transfer->reception_.is_waiting ? CURL_WRITEFUNC_PAUSE : taken;
}

std::size_t HttpTransfer::OnHeader(char* data, std::size_t, std::size_t size, void* context) {
  auto* transfer = static_cast<HttpTransfer*>(context);
  return transfer->Receive(size, [&] {
    transfer->reception_.AddHeaderLine({data, size});
    if (size <= 2) transfer->EndHeaders();
  });
}

const char* HttpTransfer::WhyRefused(const sockaddr& address) const {
  if (!limits_.may_reach_metadata && IsMetadataAddress(address)) {
    return kMetadata;
  }
  if (lacks_tls() && !IsLoopbackAddress(address)) {
    return kLacksTls;
  }
  return nullptr;
}

// The proxy looks names up, and who allows hosts by name vouches for them; addresses are judged
// here. Without TLS both ways have to be within this machine.
void HttpTransfer::CheckHostBehindProxy(const std::string& url) {
  const std::string host = HostOf(url);
  if (!limits_.may_reach_metadata && IsMetadataHost(host)) {
    refusal_ = kMetadata;
  } else if (lacks_tls() && !IsLoopbackHost(host)) {
    refusal_ = kLacksTls;
  }
  if (refusal_ != nullptr) RaiseRefusal();
}

curl_socket_t HttpTransfer::OnOpenSocket(void* context, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<HttpTransfer*>(context);
  if (const char* refusal = transfer->WhyRefused(address->addr)) {
    transfer->refusal_ = refusal;
    return CURL_SOCKET_BAD;
  }
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kPeerTimeoutMs, sizeof kPeerTimeoutMs);
  transfer->sockets_->Add(fd);
  return fd;
}

int HttpTransfer::OnCloseSocket(void* context, curl_socket_t fd) {
  static_cast<OpenSockets*>(context)->Remove(fd);
  return close(fd);
}

void HttpTransfer::RaiseTimeout() const {
  curl_off_t connected = 0;
  long sent = 0;  // newer versions say that they are connected before TLS is ready
  curl_easy_getinfo(easy(), CURLINFO_PRETRANSFER_TIME_T, &connected);
  curl_easy_getinfo(easy(), CURLINFO_REQUEST_SIZE, &sent);
  if (connected == 0 || sent == 0)
    RaiseFailure(ErrorCode::kConnect, host_, "The time limit was reached.");
  throw Error(ErrorCode::kConnectionLost, "request to " + host_ + " timed out");
}

void HttpTransfer::RaiseRefusal() const {
  throw Error(ErrorCode::kNotPermitted, "connection to " + host_ + " is not permitted",
              lacks_tls() ? "Use https, or allow it with neon_s3.allow_http." : "",
              refusal_ != nullptr ? refusal_ : kLacksTls);
}

bool HttpTransfer::ProxyRefuses() const {
  long connect_status = 0;
  curl_easy_getinfo(easy(), CURLINFO_HTTP_CONNECTCODE, &connect_status);
  return connect_status / 100 == 4;
}

// What the proxy says of itself. A reply of its own to a plain request looks like the server's, but
// for 407, which no S3 server gives.
void HttpTransfer::CheckProxy(CURLcode code, long status) const {
  long connect_status = 0;
  curl_easy_getinfo(easy(), CURLINFO_HTTP_CONNECTCODE, &connect_status);
  if (connect_status == 407 || (is_plain_ && code == CURLE_OK && status == 407)) {
    throw Error(ErrorCode::kNoCredentials, "proxy " + proxy_ + " refuses user and password",
                "Check those in neon_s3.http_proxy.", "HTTP status 407");
  }
  if (code == CURLE_OK || connect_status == 0 || connect_status / 100 == 2) return;
  throw Error(ErrorCode::kConnect, "could not connect to " + host_,
              "Check that the proxy may connect to that host and port.",
              "The proxy answers with HTTP status " + std::to_string(connect_status) + ".");
}

bool HttpTransfer::IsHeaderTooLong(CURLcode code) const {
#if LIBCURL_VERSION_NUM >= 0x080600
  return code == CURLE_TOO_LARGE;
#else
  // A line of more than 100 KiB is called out of memory, too; but memory runs out before the first
  // byte of a reply, when buffers are made.
  curl_off_t first_byte = 0;
  curl_easy_getinfo(easy(), CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
  return code == CURLE_OUT_OF_MEMORY && first_byte > 0 && !reception_.has_body;
#endif
}

void HttpTransfer::CheckResult(CURLcode code) const {
  if (reception_.problem != nullptr) {
    throw Error(ErrorCode::kMalformedReply, "malformed reply from " + host_, "",
                reception_.problem);
  }
  if (code == CURLE_OK) return CheckLength();
  if (reception_.is_enough) return;
  if (reception_.out_of_memory) throw std::bad_alloc();
  if (reception_.too_large || IsHeaderTooLong(code)) {
    throw Error(ErrorCode::kTooLarge, "response from " + host_ + " is larger than the limit");
  }
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code == CURLE_OPERATION_TIMEDOUT) RaiseTimeout();
  if (refusal_ != nullptr && code == CURLE_COULDNT_CONNECT) RaiseRefusal();
  // A host name that does not resolve is not a loopback address either.
  if (lacks_tls() && code == CURLE_COULDNT_RESOLVE_HOST) RaiseRefusal();
  ErrorCode meaning = MeaningOf(code);
  // It may be the rest of an earlier reply, longer than announced (as Ceph 20's may be). A new
  // connection will tell.
  if (meaning == ErrorCode::kMalformedReply && IsOnKeptConnection())
    meaning = ErrorCode::kConnectionLost;
  RaiseFailure(meaning, host_, Legible(*error_text_ ? error_text_ : curl_easy_strerror(code)));
}

bool HttpTransfer::IsOnKeptConnection() const {
  long opened = 0;
  curl_easy_getinfo(easy(), CURLINFO_NUM_CONNECTS, &opened);
  return opened == 0;
}

void HttpTransfer::CheckLength() const {
  curl_off_t announced = 0;
  long version = 0;
  curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  curl_easy_getinfo(easy(), CURLINFO_HTTP_VERSION, &version);
  const bool is_delimited = announced >= 0 || version >= CURL_HTTP_VERSION_2_0 ||
                            !reception_.response.Header("transfer-encoding").empty();
  if (!limits_.needs_length || is_delimited || !reception_.has_body) return;
  RaiseFailure(ErrorCode::kMalformedReply, host_,
               "The reply does not give the length of its body, which may have been cut short.");
}

}  // namespace neon_s3

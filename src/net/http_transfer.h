// One request of HttpClient's, in libcurl's terms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "net/header_lines.h"
#include "net/http_exchange.h"
#include "net/http_reception.h"
#include "net/open_sockets.h"

namespace neon_s3 {

class HttpTransfer {
 public:
  // kBadArgument for what can't be sent. The body stays where it is. The sockets outlive the
  // connections, which outlive the transfer.
  HttpTransfer(std::size_t id, const HttpRequest& request, const HttpLimits& limits,
               OpenSockets* sockets);
  HttpTransfer(const HttpTransfer&) = delete;

  std::size_t id() const { return id_; }
  CURL* easy() const { return easy_.get(); }
  static HttpTransfer* Of(CURL* easy);

  // How much memory the body waits for, told once; 0 where it waits for none.
  std::size_t TakeWish() { return reception_.TakeWish(); }
  void Lend(char* memory);

  // Once libcurl is done with it.
  HttpReply Finish(CURLcode code);
  HttpTraffic traffic() const;

 private:
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  template <typename Value>
  void Set(CURLoption option, Value value);
  void SetPolicy();
  void SetProxy(const HttpProxy& proxy);
  void SetTrust();
  void SetConnection(const HttpRequest& request);
  void SetRequest(const HttpRequest& request);
  void SetHeaders(const HttpRequest& request);
  void SetCallbacks();

  static std::size_t OnBody(char* data, std::size_t, std::size_t size, void* context);
  static std::size_t OnHeader(char* data, std::size_t, std::size_t size, void* context);
  static curl_socket_t OnOpenSocket(void* context, curlsocktype, curl_sockaddr* address);
  static int OnCloseSocket(void* context, curl_socket_t fd);
  template <typename Body>
  std::size_t Receive(std::size_t size, const Body& body) noexcept;
  void EndHeaders();
  void BeginBody();
  bool lacks_tls() const { return is_plain_ && !limits_.may_be_plain; }
  const char* WhyRefused(const sockaddr& address) const;
  void CheckHostBehindProxy(const std::string& url);
  void CheckProxy(CURLcode code, long status) const;
  bool ProxyRefuses() const;

  void CheckResult(CURLcode code) const;
  void CheckLength() const;
  bool IsOnKeptConnection() const;
  [[noreturn]] void RaiseTimeout() const;
  [[noreturn]] void RaiseRefusal() const;
  bool IsHeaderTooLong(CURLcode code) const;

  const std::size_t id_;
  const HttpLimits limits_;
  OpenSockets* const sockets_;
  const bool is_plain_;
  const std::string proxy_;  // for messages; empty where there is none
  const std::string host_;
  HttpReception reception_;
  const char* refusal_ = nullptr;  // why an address was refused
  HeaderLines lines_;
  char error_text_[CURL_ERROR_SIZE];
  std::unique_ptr<CURL, EasyDeleter> easy_;  // goes first: it refers to the others
};

}  // namespace neon_s3

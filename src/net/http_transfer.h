// One request of HttpClient's, in libcurl's terms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "net/http_client.h"
#include "net/header_lines.h"
#include "net/open_sockets.h"

namespace neon_s3 {

// "host:port" of a URL in quotation marks, for messages.
std::string QuotedHost(std::string_view url);

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
  std::size_t TakeWish();
  void Lend(char* memory);

  // Once libcurl is done with it.
  HttpReply Finish(CURLcode code);
  HttpTraffic traffic() const;

 private:
  // What the callbacks leave behind. They run inside of libcurl, so they throw nothing: they note
  // what is wrong and end the transfer.
  struct Reception {
    HttpResponse response;
    std::size_t headers_size = 0;
    std::size_t max_body_size = 0;
    std::int64_t to_skip = 0;  // bytes before those that are kept
    bool is_cut = false;       // what follows those that are kept is not wanted
    bool is_enough = false;    // all of them are there
    bool has_body = false;
    std::size_t memory_size = 0;  // of the caller's memory
    char* memory = nullptr;       // where the body goes; null: into the response
    bool is_waiting = false;      // for that memory
    bool is_wish_told = false;
    bool too_large = false;
    bool out_of_memory = false;
    const char* problem = nullptr;  // why the reply is malformed
    const char* refusal = nullptr;  // why an address was refused

    bool is_over() const { return is_enough || too_large || out_of_memory || problem != nullptr; }
  };
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  template <typename Value>
  void Set(CURLoption option, Value value);
  void SetPolicy();
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
  void BeginRange(long status, std::int64_t announced);
  void AddToBody(std::string_view bytes);
  bool lacks_tls() const { return is_plain_ && !limits_.may_be_plain; }
  const char* WhyRefused(const sockaddr& address) const;

  void CheckResult(CURLcode code) const;
  void CheckLength() const;
  [[noreturn]] void RaiseTimeout() const;
  [[noreturn]] void RaiseRefusal() const;
  bool IsHeaderTooLong(CURLcode code) const;

  const std::size_t id_;
  const HttpLimits limits_;
  OpenSockets* const sockets_;
  const bool is_plain_;
  const std::string host_;
  Reception reception_;
  HeaderLines lines_;
  char error_text_[CURL_ERROR_SIZE];
  std::unique_ptr<CURL, EasyDeleter> easy_;  // goes first: it refers to the others
};

}  // namespace neon_s3

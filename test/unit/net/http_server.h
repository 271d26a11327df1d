// An HTTP server on 127.0.0.1, as good or as faulty as a test wants it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace neon_s3::test {

struct ServedRequest {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
};

struct ServedReply {
  std::string bytes;
  // kKeep: more requests may follow; kDrip: the bytes, one in 50 ms; kReset: TCP's RST.
  enum { kClose, kKeep, kHang, kDrip, kReset } end = kClose;

  static ServedReply Of(int status, const std::string& body, const std::string& headers = {}) {
    return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body,
            kClose};
  }
  static ServedReply Kept(int status, const std::string& body, const std::string& headers = {}) {
    ServedReply reply = Of(status, body, headers);
    reply.end = kKeep;
    return reply;
  }
};

class HttpServer {
 public:
  using Handler = std::function<ServedReply(const ServedRequest&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 64);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  HttpServer(const HttpServer&) = delete;
  ~HttpServer() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& worker : workers_) worker.join();
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

  void Handle(Handler handler) {
    const std::lock_guard<std::mutex> lock(mutex_);
    handler_ = std::move(handler);
  }
  std::vector<ServedRequest> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }
  std::size_t request_count() const { return requests().size(); }
  int connection_count() const { return connections_; }
  // The most requests that were served at once.
  int peak() const { return peak_; }

 private:
  void Accept() {
    while (!stop_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) workers_.emplace_back([this, client] { Serve(client); });
    }
  }

  void Serve(int client) {
    ++connections_;
    ServedRequest request;
    while (Read(client, &request) && Answer(client, request)) request = ServedRequest();
    close(client);
  }

  // True where the connection is kept.
  bool Answer(int client, const ServedRequest& request) {
    Handler handler;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(request);
      handler = handler_;
      peak_ = std::max(peak_.load(), ++serving_);
    }
    ServedReply reply = handler(request);
    if (request.method == "HEAD") reply.bytes.erase(EndOfHead(reply.bytes));
    --serving_;  // before the client knows
    if (reply.end == ServedReply::kDrip) {
      for (const char c : reply.bytes) {
        if (!Pause(50) || !Send(client, {&c, 1})) break;
      }
    } else {
      Send(client, reply.bytes);
    }
    while (reply.end == ServedReply::kHang && Pause(20)) {
    }
    if (reply.end == ServedReply::kReset) {
      const linger at_once{1, 0};
      setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    return reply.end == ServedReply::kKeep;
  }

  // A client that finds a body there closes the connection.
  static std::size_t EndOfHead(const std::string& bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    return end == std::string::npos ? bytes.size() : end + 4;
  }

  bool Pause(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return !stop_;
  }

  static bool Send(int client, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool Read(int client, ServedRequest* request) {
    std::string text;
    std::size_t head = std::string::npos, size = 0;
    while (head == std::string::npos || text.size() < head + 4 + size) {
      pollfd waiting{client, POLLIN, 0};
      if (stop_) return false;
      if (poll(&waiting, 1, 20) <= 0) continue;
      char buffer[65536];
      const ssize_t count = recv(client, buffer, sizeof buffer, 0);
      if (count <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(count));
      if (head == std::string::npos) {
        head = text.find("\r\n\r\n");
        if (head != std::string::npos) {
          ParseHead(text.substr(0, head), request);
          const auto length = request->headers.find("content-length");
          if (length != request->headers.end()) size = std::stoul(length->second);
          if (request->headers.count("expect") == 1) Send(client, "HTTP/1.1 100 Continue\r\n\r\n");
        }
      }
    }
    request->body = text.substr(head + 4, size);
    return true;
  }

  static void ParseHead(const std::string& head, ServedRequest* request) {
    const std::size_t method = head.find(' '), target = head.find(' ', method + 1);
    request->method = head.substr(0, method);
    request->target = head.substr(method + 1, target - method - 1);
    for (std::size_t at = head.find("\r\n"); at != std::string::npos;
         at = head.find("\r\n", at + 2)) {
      const std::string line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
      const std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(tolower(c));
      const std::size_t value = line.find_first_not_of(' ', colon + 1);
      request->headers[name] = value == std::string::npos ? "" : line.substr(value);
    }
  }

  int listener_;
  int port_;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0}, serving_{0}, peak_{0};
  mutable std::mutex mutex_;
  Handler handler_;
  std::vector<ServedRequest> requests_;
  std::vector<std::thread> workers_;  // the acceptor's, until it has ended
  std::thread acceptor_;
};

// A port of 127.0.0.1 where nobody answers.
class SilentPort {
 public:
  // kClosed: nobody listens, but nobody else can either; kFull: connecting takes for ever; kOpen:
  // the connection is made, and nothing is read.
  enum State { kClosed, kFull, kOpen };

  explicit SilentPort(State state) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    socklen_t size = sizeof address_;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size);
    if (state != kClosed) listen(socket_, state == kFull ? 0 : 64);
    if (state == kFull) Fill();
  }
  SilentPort(const SilentPort&) = delete;
  ~SilentPort() {
    for (const int filler : fillers_) close(filler);
    close(socket_);
  }
  std::string authority() const { return "127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }
  std::string url() const { return "http://" + authority(); }

 private:
  void Fill() {
    for (int i = 0; i < 4; ++i) {
      fillers_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      connect(fillers_.back(), reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    }
  }

  int socket_;
  sockaddr_in address_{};
  std::vector<int> fillers_;
};

}  // namespace neon_s3::test

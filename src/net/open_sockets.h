// The sockets that libcurl has open, by the port on this side.
#pragma once

#include <array>

namespace neon_s3 {

// Called from libcurl's callbacks: nothing throws or allocates. More sockets than fit go unnoticed.
class OpenSockets {
 public:
  void Add(int fd) noexcept;
  void Remove(int fd) noexcept;

  // A server that sends the head of its response first waits for its acknowledgement before it
  // sends the body, unless it has turned off Nagle's algorithm (Ceph's has not), and Linux puts
  // that off for 40 ms on connections that are used again.
  void AcknowledgeNow(long local_port) noexcept;

 private:
  struct Socket {
    int fd = -1;
    long local_port = 0;  // 0: not known yet
  };
  std::array<Socket, 128> sockets_;
};

}  // namespace neon_s3

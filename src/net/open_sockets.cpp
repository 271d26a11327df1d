#include "net/open_sockets.h"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace neon_s3 {
namespace {

long LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

}  // namespace

void OpenSockets::Add(int fd) noexcept {
  const auto free = std::find_if(sockets_.begin(), sockets_.end(),
                                 [](const Socket& socket) { return socket.fd < 0; });
  if (free != sockets_.end()) *free = {fd, 0};
}

void OpenSockets::Remove(int fd) noexcept {
  const auto found = std::find_if(sockets_.begin(), sockets_.end(),
                                  [fd](const Socket& socket) { return socket.fd == fd; });
  if (found != sockets_.end()) *found = Socket();
}

void OpenSockets::AcknowledgeNow(long local_port) noexcept {
  if (local_port <= 0) return;
  for (Socket& socket : sockets_) {
    if (socket.fd < 0) continue;
    if (socket.local_port == 0) socket.local_port = LocalPort(socket.fd);
    if (socket.local_port != local_port) continue;
    const int on = 1;
    setsockopt(socket.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
}

}  // namespace neon_s3

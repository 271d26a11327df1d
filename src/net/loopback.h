// This machine, seen from itself: where connections need no TLS.
#pragma once

#include <string_view>

#include <sys/socket.h>

namespace neon_s3 {

bool IsLoopbackAddress(const sockaddr& address);

// 127.0.0.0/8, [::1], localhost and the names below it (RFC 6761 section 6.3), in lower case.
bool IsLoopbackHost(std::string_view host);

}  // namespace neon_s3

// The addresses where clouds answer their own machines only, often with credentials.
#pragma once

#include <sys/socket.h>

namespace neon_s3 {

// Link-local addresses, and the metadata services that have others. What is neither IPv4 nor IPv6
// counts as one of them.
bool IsMetadataAddress(const sockaddr& address);

}  // namespace neon_s3

// The addresses where clouds answer their own machines only, often with credentials.
#pragma once

#include <string_view>

#include <sys/socket.h>

namespace neon_s3 {

// Link-local addresses, and the metadata services that have others. What is neither IPv4 nor IPv6
// counts as one of them.
bool IsMetadataAddress(const sockaddr& address);

// The same for an endpoint's host that is an address, however it is written; false for a name.
bool IsMetadataHost(std::string_view host);

}  // namespace neon_s3

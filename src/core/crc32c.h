// CRC-32C (Castagnoli, RFC 3720), a checksum of bodies: with the processor's help it takes a
// quarter of the time of SHA-256 with such help, and an eighth of MD5's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace neon_s3 {

std::uint32_t Crc32c(std::string_view bytes);

// The same without the processor's help.
std::uint32_t PortableCrc32c(std::string_view bytes);

// As S3's headers have it: its four bytes, the highest first, in base64.
std::string Crc32cBase64(std::string_view bytes);

}  // namespace neon_s3

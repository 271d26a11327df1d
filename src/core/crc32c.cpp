#include "core/crc32c.h"

#include "core/encoding.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace neon_s3 {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

// [n][byte]: what `byte` adds to the checksum where n more bytes follow it.
constexpr Table MakeTable() {
  Table table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[0][byte] = crc;
  }
  for (std::size_t n = 1; n < 8; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = table[n - 1][byte];
      table[n][byte] = (crc >> 8) ^ table[0][crc & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

std::uint64_t LoadLittleEndian(const char* bytes) {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

std::uint32_t Step(std::uint32_t crc, char byte) {
  return (crc >> 8) ^ kTable[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff];
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t Sse42Crc32c(std::string_view bytes) {
  std::uint64_t crc = 0xffffffff;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = _mm_crc32_u64(crc, word);
    bytes.remove_prefix(8);
  }
  auto last = static_cast<std::uint32_t>(crc);
  for (const char byte : bytes) last = _mm_crc32_u8(last, static_cast<unsigned char>(byte));
  return ~last;
}
#endif

}  // namespace

std::uint32_t PortableCrc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  while (bytes.size() >= 8) {
    const std::uint64_t word = LoadLittleEndian(bytes.data()) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= kTable[7 - i][word >> (8 * i) & 0xff];
    bytes.remove_prefix(8);
  }
  for (const char byte : bytes) crc = Step(crc, byte);
  return ~crc;
}

std::uint32_t Crc32c(std::string_view bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return Sse42Crc32c(bytes);
#endif
  return PortableCrc32c(bytes);
}

std::string Crc32cBase64(std::string_view bytes) {
  const std::uint32_t crc = Crc32c(bytes);
  const char digest[] = {static_cast<char>(crc >> 24), static_cast<char>(crc >> 16),
                         static_cast<char>(crc >> 8), static_cast<char>(crc)};
  return Base64({digest, sizeof digest});
}

}  // namespace neon_s3

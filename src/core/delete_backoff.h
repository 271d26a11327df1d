// How long the outbox waits before it tries a delete once more.
#pragma once

#include <algorithm>
#include <cstdint>

namespace neon_s3 {

// After so many attempts an item is dead.
constexpr int kMostAttempts = 10;

// Seconds after the failed attempt number `attempts`, counted from 1: half a minute that doubles,
// up to a good two hours, of which `random` (0 to 1) takes away up to the half.
constexpr double DeleteBackoff(int attempts, double random) {
  const std::int64_t longest = std::int64_t{30} << std::clamp(attempts - 1, 0, 8);
  return static_cast<double>(longest) * (1 - random / 2);
}

}  // namespace neon_s3

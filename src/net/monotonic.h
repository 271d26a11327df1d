// The clock of caches and deadlines: it runs on, whatever is done to the time of day.
#pragma once

#include <chrono>

#include <time.h>

namespace neon_s3 {

using MonotonicTime = std::chrono::steady_clock::time_point;

// Tests put their own in its place.
using MonotonicClock = MonotonicTime (*)();

inline MonotonicTime MonotonicNow() { return std::chrono::steady_clock::now(); }

// The same to a few milliseconds, and several times as fast: it is read for every URL that is
// signed with a file's keys.
inline MonotonicTime CoarseMonotonicNow() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return MonotonicTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace neon_s3

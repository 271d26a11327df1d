// The clock of caches and deadlines: it runs on, whatever is done to the time of day.
#pragma once

#include <chrono>

namespace neon_s3 {

using MonotonicTime = std::chrono::steady_clock::time_point;

// Tests put their own in its place.
using MonotonicClock = MonotonicTime (*)();

inline MonotonicTime MonotonicNow() { return std::chrono::steady_clock::now(); }

}  // namespace neon_s3

// Memory that runs out: the first allocation of a call, the second, and so on.
#pragma once

#include <cstdlib>
#include <new>
#include <regex>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/error.h"

namespace neon_s3::test {

// What this thread asks operator new, OpenSSL, libcurl and pugixml for; other threads always get
// their memory.
class FailingAllocation {
 public:
  // The `nth` fails, and with `lasting` all that follow.
  FailingAllocation(long nth, bool lasting);
  ~FailingAllocation();
  static bool has_failed();
  static void End();  // for what comes after the call
};

// Adds up, for the report.
void CountTortured(long points);

constexpr char kNoMemory[] = "out of memory";

// What libcurl makes of it at times, by another name than that of missing memory.
inline bool IsLibcurlsWord(const std::string& outcome) {
  for (const char* word : {"is larger than the limit", "getaddrinfo() thread failed to start",
                           "Could not resolve host: 127.0.0.1", "is not permitted",
                           "malformed reply from the container"}) {
    if (outcome.find(word) != std::string::npos) return true;
  }
  return false;
}

// What `body` returns or throws, as a text.
template <typename Body>
std::string OutcomeOf(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const Error& error) {
    FailingAllocation::End();
    if (error.code() == ErrorCode::kOutOfMemory) return kNoMemory;
    const std::string detail =
        std::regex_replace(error.detail(), std::regex(" after [0-9]+ ms"), "");
    return std::to_string(static_cast<int>(error.code())) + ": " + error.what() + "|" + detail +
           "|" + error.hint();
  }
}

// Calls `body`, which returns a text, with each of its allocations failing, once and from there on;
// where `is_slow`, with ever fewer of them, unless NEON_S3_TORTURE is "all".
// It must tell of it, or return the same as ever; and be as good as ever the next time. (What leaks
// is for LeakSanitizer to see.)
template <typename Body>
void Torture(const Body& body, bool is_slow = false) {
  const char* wanted = std::getenv("NEON_S3_TORTURE");
  if (wanted != nullptr && std::string_view(wanted) == "all") is_slow = false;
  const std::string expected = OutcomeOf(body);
  ASSERT_NE(expected, kNoMemory);
  for (const bool lasting : {false, true}) {
    bool has_failed = true;
    for (long nth = 1; has_failed; nth += is_slow ? 1 + nth / 8 : 1) {
      std::string outcome;
      {
        const FailingAllocation failing(nth, lasting);
        outcome = OutcomeOf(body);
        has_failed = FailingAllocation::has_failed();
      }
      if (has_failed && (outcome == kNoMemory || IsLibcurlsWord(outcome))) outcome = expected;
      ASSERT_EQ(outcome, expected) << "where allocation " << nth << " fails, lasting " << lasting;
      ASSERT_EQ(OutcomeOf(body), expected) << "after allocation " << nth << ", lasting " << lasting;
      CountTortured(has_failed);
    }
  }
}

}  // namespace neon_s3::test

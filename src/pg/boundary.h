// The one way from the Postgres side (errors are longjmps) to the C++ side (errors are exceptions),
// and back.
//
// Outside of a guard is the Postgres side: PostgreSQL may be called and may longjmp, so only
// trivially destructible objects may be alive. Inside is the C++ side: C++ may throw, and
// PostgreSQL must not be called at all. What C++ throws becomes a plain ErrorReport, which is
// raised once every C++ object is gone.
#pragma once

#include <type_traits>

#include "core/error.h"
#include "pg/pg.h"

namespace neon_s3 {

// Texts in UTF-8, cut at a character where they don't fit.
struct ErrorReport {
  ErrorCode code;
  char message[2048];
  char detail[1024];
  char hint[512];
};

// The SQLSTATE of the contract, as MAKE_SQLSTATE makes it.
int SqlState(ErrorCode code);

// Raises `report` as an ERROR; texts are converted to the server's encoding.
[[noreturn]] void Raise(const ErrorReport& report);

// For hooks that report in their own way. The text is converted like Raise() does.
const char* ServerText(const char* utf8);

// On either side: true where the backend has been asked to stop what it does. What waits in C++
// polls it and throws kCancelled, which Guard() turns into PostgreSQL's own handling of the
// interrupt.
bool Cancelled();

// Asserts that PostgreSQL may be called here.
void AssertOutsideGuard();

namespace internal {
void EnterGuard();
void LeaveGuard();
// Only in a catch clause.
void CaptureException(ErrorReport* report) noexcept;
}  // namespace internal

// Runs `body` on the C++ side. False where it threw; `report` says what.
template <typename Body>
bool TryGuard(const Body& body, ErrorReport* report) {
  static_assert(std::is_trivially_destructible_v<Body>, "capture by reference, or plain data");
  internal::EnterGuard();
  bool ok = true;
  try {
    body();
  } catch (...) {
    internal::CaptureException(report);
    ok = false;
  }
  internal::LeaveGuard();
  return ok;
}

// The same; what `body` threw is raised as an ERROR.
template <typename Body>
void Guard(const Body& body) {
  ErrorReport report;
  if (!TryGuard(body, &report)) Raise(report);
}

}  // namespace neon_s3

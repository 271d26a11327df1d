// The one way from PostgreSQL's error regime (longjmp) into C++'s (exceptions) and back.
//
// Outside of a guard: PostgreSQL may be called, and may longjmp, so only trivially destructible
// objects may be alive. Inside: C++ may throw, and PostgreSQL must not be called at all. What C++
// throws becomes a plain ErrorReport, and is raised once every C++ object is gone.
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

// In either regime: true where the backend has been asked to stop what it does. What waits in C++
// polls it and throws kCancelled, which Foreign() turns into PostgreSQL's own handling of the
// interrupt.
bool Cancelled();

// Asserts that PostgreSQL may be called here.
void AssertPostgresRegime();

namespace internal {
void EnterForeign();
void LeaveForeign();
// Only in a catch clause.
void CaptureException(ErrorReport* report) noexcept;
}  // namespace internal

// Runs `body` in C++'s regime. False where it threw; `report` says what.
template <typename Body>
bool TryForeign(const Body& body, ErrorReport* report) {
  static_assert(std::is_trivially_destructible_v<Body>, "capture by reference, or plain data");
  internal::EnterForeign();
  bool ok = true;
  try {
    body();
  } catch (...) {
    internal::CaptureException(report);
    ok = false;
  }
  internal::LeaveForeign();
  return ok;
}

// The same; what `body` threw is raised as an ERROR.
template <typename Body>
void Foreign(const Body& body) {
  ErrorReport report;
  if (!TryForeign(body, &report)) Raise(report);
}

}  // namespace neon_s3

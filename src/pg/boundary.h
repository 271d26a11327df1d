// The one way from the Postgres side (errors are longjmps) to the C++ side (errors are exceptions),
// and back.
//
// Outside of a guard is the Postgres side: PostgreSQL may be called and may longjmp, so only
// trivially destructible objects may be alive. Inside is the C++ side: C++ may throw, and
// PostgreSQL must not be called at all, but through Interrupted(). What C++ throws becomes a plain
// ErrorReport, which is raised once every C++ object is gone.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

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

// C++ side, for whoever waits there, between calls of libcurl: serves every pending interrupt as
// CHECK_FOR_INTERRUPTS() does (cancel, termination, timeouts, barriers, recovery conflicts, a
// client that is gone). True if one of them ends the call: throw kCancelled then. Its error stays
// on PostgreSQL's error stack, and Guard() raises it.
bool Interrupted();

// Aborts if a guard is open, in builds with assertions (make STRICT=yes).
void AssertOutsideGuard();

namespace internal {
void EnterGuard();
void LeaveGuard();
// Raises what Interrupted() left, if it did.
void RaiseInterrupt();
// Only in a catch clause.
void CaptureException(ErrorReport* report) noexcept;
}  // namespace internal

// Runs `body` on the C++ side. False if it threw; `report` says what. Nothing in `body` may wait.
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

// The same; what `body` threw, or what interrupted it, is raised as an ERROR.
template <typename Body>
void Guard(const Body& body) {
  ErrorReport report;
  const bool ok = TryGuard(body, &report);
  internal::RaiseInterrupt();
  if (!ok) Raise(report);
}

// Postgres side: a C++ object that lives until the current memory context is reset, whatever resets
// it, so that it may be alive when PostgreSQL raises an ERROR. Its destructor runs on the C++ side
// and throws nothing.
template <typename T, typename... Args>
T& Owned(const Args&... args) {
  static_assert((std::is_trivially_destructible_v<Args> && ...), "arguments are plain data");
  struct Block {
    MemoryContextCallback callback;
    alignas(T) unsigned char bytes[sizeof(T)];
  };
  static_assert(alignof(Block) <= MAXIMUM_ALIGNOF, "more than palloc() aligns to");
  auto* block = static_cast<Block*>(palloc(sizeof(Block)));
  T* object;
  Guard([&] { object = new (block->bytes) T{args...}; });
  block->callback.func = [](void* bytes) {
    internal::EnterGuard();
    static_cast<T*>(bytes)->~T();
    internal::LeaveGuard();
  };
  block->callback.arg = object;
  MemoryContextRegisterResetCallback(CurrentMemoryContext, &block->callback);
  return *object;
}

}  // namespace neon_s3

// For LD_PRELOAD: malloc() that fails, and operator new that throws something else, when the module
// says so.
#include <dlfcn.h>
#include <pwd.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <utility>

#include "failing_memory.h"

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
}

namespace {

// In the library's own part of thread-local storage, so that nothing is allocated to find it.
[[gnu::tls_model("initial-exec")]] thread_local FailingMemory state;

bool Fails() {
  if (!FailsNow(state, kMalloc)) return false;
  errno = ENOMEM;
  return true;
}

void* New(std::size_t size) {
  if (FailsNow(state, kThrowRuntimeError)) throw std::runtime_error("injected");
  if (FailsNow(state, kThrowInt)) throw 42;
  return Fails() ? nullptr : __libc_malloc(size == 0 ? 1 : size);
}

}  // namespace

extern "C" {
// glibc 2.36 crashes where its first look into a database has no memory.
int getpwuid_r(uid_t user, passwd* entry, char* buffer, std::size_t size, passwd** found) {
  static const auto next = reinterpret_cast<decltype(&getpwuid_r)>(dlsym(RTLD_NEXT, "getpwuid_r"));
  const bool was_open = std::exchange(state.is_open, false);
  const int error = next(user, entry, buffer, size, found);
  state.is_open = was_open;
  return error;
}

FailingMemory* failing_memory_state() { return &state; }
void* malloc(std::size_t size) { return Fails() ? nullptr : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) {
  return Fails() ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  return Fails() ? nullptr : __libc_realloc(memory, size);
}
}

// The others of the standard library come to this one.
void* operator new(std::size_t size) {
  if (void* memory = New(size)) return memory;
  throw std::bad_alloc();
}

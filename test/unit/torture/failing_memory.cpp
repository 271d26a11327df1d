#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pugixml.hpp>

#include "torture.h"

namespace {

thread_local long countdown = 0;  // 0: nothing fails
thread_local bool is_lasting = false, did_fail = false;
long tortured = 0;

bool Fails() {
  if (countdown == 0) return false;
  if (countdown > 1) {
    --countdown;
    return false;
  }
  if (!is_lasting) countdown = 0;
  did_fail = true;
  return true;
}

void* Allocate(std::size_t size) { return Fails() ? nullptr : std::malloc(size); }
void* Reallocate(void* memory, std::size_t size) {
  return Fails() ? nullptr : std::realloc(memory, size);
}
void* AllocateZeroed(std::size_t count, std::size_t size) {
  return Fails() ? nullptr : std::calloc(count, size);
}
char* Duplicate(const char* text) { return Fails() ? nullptr : strdup(text); }

void* OpensslAllocate(std::size_t size, const char*, int) {
  return size == 0 ? nullptr : Allocate(size);
}
void OpensslFree(void* memory, const char*, int) { std::free(memory); }
void* OpensslReallocate(void* memory, std::size_t size, const char*, int) {
  if (size != 0) return Reallocate(memory, size);
  std::free(memory);
  return nullptr;
}

// Before anybody has called them.
[[maybe_unused]] const bool is_hooked = [] {
  const bool openssl =
      CRYPTO_set_mem_functions(OpensslAllocate, OpensslReallocate, OpensslFree) == 1;
  const bool curl = curl_global_init_mem(CURL_GLOBAL_DEFAULT, Allocate, std::free, Reallocate,
                                         Duplicate, AllocateZeroed) == CURLE_OK;
  pugi::set_memory_management_functions(Allocate, std::free);
  if (!openssl || !curl) std::abort();
  return true;
}();

class Report : public testing::Environment {
  void TearDown() override { std::printf("%ld allocations failed\n", tortured); }
};
[[maybe_unused]] testing::Environment* const report =
    testing::AddGlobalTestEnvironment(new Report());

}  // namespace

// The other forms of the standard library's come to these, but AddressSanitizer has its own.
void* operator new(std::size_t size) {
  if (void* memory = Allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace neon_s3::test {

FailingAllocation::FailingAllocation(long nth, bool lasting) {
  did_fail = false;
  is_lasting = lasting;
  countdown = nth;
}
FailingAllocation::~FailingAllocation() { End(); }
void FailingAllocation::End() { countdown = 0; }
bool FailingAllocation::has_failed() { return did_fail; }

void CountTortured(long points) { tortured += points; }

}  // namespace neon_s3::test

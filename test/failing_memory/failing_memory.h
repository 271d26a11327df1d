// What the preloaded library and the module share: which allocation of the main thread fails.
#pragma once

enum FailingKind { kNothing, kMalloc, kPalloc, kThrowRuntimeError, kThrowInt };

struct FailingMemory {
  FailingKind kind;
  bool is_open;  // a function of neon_s3 runs
  long nth;
  long count;
  bool has_failed;
};

extern "C" FailingMemory* failing_memory_state();

// Counts, and says whether this one fails.
inline bool FailsNow(FailingMemory& state, FailingKind kind) {
  if (!state.is_open || state.kind != kind || ++state.count != state.nth) return false;
  return state.has_failed = true;
}

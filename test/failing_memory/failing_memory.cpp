// SQL functions that let an allocation fail while functions of neon_s3, and what they call, run:
// failing_memory_next(kind int, nth bigint): arms; an nth of 0 only counts.
// failing_memory_last() -> text: disarms; how many there were, and whether one failed.
// failing_memory_set(name text, value text, of_file bool) -> text: SET, or a reload, as if it were
// a function of neon_s3.
// failing_memory_in_use() -> bigint[]: bytes of malloc() without PostgreSQL's contexts, of the
// session's contexts, of PostgreSQL's caches.
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string_view>

#include "failing_memory.h"

extern "C" {
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 170000
#include "utils/memutils_internal.h"
#endif

PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
PG_FUNCTION_INFO_V1(failing_memory_next);
PG_FUNCTION_INFO_V1(failing_memory_last);
PG_FUNCTION_INFO_V1(failing_memory_set);
PG_FUNCTION_INFO_V1(failing_memory_in_use);
}

namespace {

int depth = 0;  // of calls of neon_s3's functions

FailingMemory& State() { return *failing_memory_state(); }

void Enter() { State().is_open = ++depth > 0; }
void Leave() { State().is_open = --depth > 0; }

// ---------------------------------------------------------------- palloc()

MemoryContextMethods original;

// Statistics of PostgreSQL 15: where memory is missing for an entry of that cache, it stays
// there with a wild pointer, and the server crashes at the end of the transaction.
bool IsOfStatistics(MemoryContext context) {
  return std::string_view(context->name).substr(0, 7) == "PgStat ";
}

// There is a session's sequences, one more for each table with a serial column that it ever made.
bool IsOfSequences(MemoryContext context) {
  return std::string_view(context->name) == "Sequence values";
}

// An error is reported from ErrorContext, and a critical section must not fail: neither asks for
// more than it has set aside.
bool PallocFails(MemoryContext context) {
  return context != ErrorContext && CritSectionCount == 0 && !IsOfStatistics(context) &&
         FailsNow(State(), kPalloc);
}

#if PG_VERSION_NUM >= 170000
void* Allocate(MemoryContext context, Size size, int flags) {
  return PallocFails(context) ? MemoryContextAllocationFailure(context, size, flags)
                              : original.alloc(context, size, flags);
}

void* Reallocate(void* memory, Size size, int flags) {
  MemoryContext context = GetMemoryChunkContext(memory);
  return PallocFails(context) ? MemoryContextAllocationFailure(context, size, flags)
                              : original.realloc(memory, size, flags);
}
#else
void* Allocate(MemoryContext context, Size size) {
  return PallocFails(context) ? nullptr : original.alloc(context, size);
}

#if PG_VERSION_NUM >= 160000
void* Reallocate(void* memory, Size size) {
  return PallocFails(GetMemoryChunkContext(memory)) ? nullptr : original.realloc(memory, size);
}
#else
void* Reallocate(MemoryContext context, void* memory, Size size) {
  return PallocFails(context) ? nullptr : original.realloc(context, memory, size);
}
#endif
#endif

// The methods of allocation sets are one table, which is read-only.
void ReplaceMethods() {
  auto* methods = const_cast<MemoryContextMethods*>(TopMemoryContext->methods);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(methods) & ~(page - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(methods + 1);
  if (mprotect(reinterpret_cast<void*>(start), end - start, PROT_READ | PROT_WRITE) != 0) {
    elog(ERROR, "mprotect: %m");
  }
  original = *methods;
  methods->alloc = Allocate;
  methods->realloc = Reallocate;
}

// ---------------------------------------------------------------- functions of neon_s3

needs_fmgr_hook_type next_needs_hook;
fmgr_hook_type next_hook;

bool NeedsHook(Oid function) {
  const bool was_open = State().is_open;
  State().is_open = false;
  const Oid extension = get_extension_oid("neon_s3", true);
  const bool is_ours =
      OidIsValid(extension) && getExtensionOfObject(ProcedureRelationId, function) == extension;
  State().is_open = was_open;
  return is_ours || (next_needs_hook != nullptr && next_needs_hook(function));
}

void Hook(FmgrHookEventType event, FmgrInfo* function, Datum* data) {
  if (next_hook != nullptr) next_hook(event, function, data);
  event == FHET_START ? Enter() : Leave();
}

// ---------------------------------------------------------------- what is in use

Size UsedBy(MemoryContext context) {
  MemoryContextCounters counters = {};
  context->methods->stats(context, nullptr, nullptr, &counters, false);
  Size used = counters.totalspace - counters.freespace;
  for (MemoryContext child = context->firstchild; child != nullptr; child = child->nextchild) {
    if (!IsOfSequences(child)) used += UsedBy(child);
  }
  return used;
}

// Of the session: what a statement or a transaction has is no leak.
Size UsedBySession() {
  Size used = UsedBy(TopMemoryContext);
  for (MemoryContext other : {CacheMemoryContext, MessageContext, TopTransactionContext,
                              PortalContext == nullptr ? nullptr : PortalContext->parent}) {
    if (other != nullptr) used -= UsedBy(other);
  }
  return used;
}

}  // namespace

void _PG_init() {
  ReplaceMethods();
  next_needs_hook = needs_fmgr_hook;
  needs_fmgr_hook = NeedsHook;
  next_hook = fmgr_hook;
  fmgr_hook = Hook;
}

Datum failing_memory_next(PG_FUNCTION_ARGS) {
  // Where memory is missing, PostgreSQL writes all contexts there.
  if (freopen("/dev/null", "w", stderr) == nullptr) elog(ERROR, "freopen: %m");
  State() = {static_cast<FailingKind>(PG_GETARG_INT32(0)), false, PG_GETARG_INT64(1), 0, false};
  PG_RETURN_VOID();
}

Datum failing_memory_last(PG_FUNCTION_ARGS) {
  const FailingMemory last = State();
  State() = {};
  PG_RETURN_TEXT_P(cstring_to_text(psprintf("%ld %d", last.count, last.has_failed)));
}

Datum failing_memory_set(PG_FUNCTION_ARGS) {
  const char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
  const char* value = text_to_cstring(PG_GETARG_TEXT_PP(1));
  const bool of_file = PG_GETARG_BOOL(2);
  const GucContext context = of_file ? PGC_SIGHUP : PGC_SUSET;
  const GucSource source = of_file ? PGC_S_FILE : PGC_S_SESSION;
  Enter();
  PG_TRY();
  { set_config_option(name, value, context, source, GUC_ACTION_SET, true, ERROR, false); }
  PG_FINALLY();
  { Leave(); }
  PG_END_TRY();
  PG_RETURN_TEXT_P(cstring_to_text(GetConfigOptionByName(name, nullptr, false)));
}

Datum failing_memory_in_use(PG_FUNCTION_ARGS) {
  const struct mallinfo2 info = mallinfo2();
  const Size outside =
      info.uordblks + info.hblkhd - MemoryContextMemAllocated(TopMemoryContext, true);
  Datum values[] = {Int64GetDatum(outside), Int64GetDatum(UsedBySession()),
                    Int64GetDatum(UsedBy(CacheMemoryContext))};
  PG_RETURN_ARRAYTYPE_P(construct_array(values, 3, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

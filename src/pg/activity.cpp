#include "pg/activity.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "miscadmin.h"
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#else
#include "storage/backendid.h"
#endif
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

constexpr const char* kNames[kOperationCount] = {
    "s3_presign_get",
    "s3_presign_put",
    "s3_presign_head",
    "s3_presign_delete",
    "s3_presign",
    "s3_presign_explain",
    "s3_presign_post",
    "s3_presign_upload_part",
    "s3_presign_upload",
    "s3_put_object",
    "s3_get_object",
    "s3_put_large_object",
    "s3_get_large_object",
    "s3_head_object",
    "s3_object_exists",
    "s3_copy_object",
    "s3_delete_object",
    "s3_delete_objects",
    "s3_head_objects",
    "s3_list_objects",
    "s3_create_multipart_upload",
    "s3_complete_multipart_upload",
    "s3_abort_multipart_upload",
    "s3_list_parts",
    "s3_list_multipart_uploads",
    "s3_create_bucket",
    "s3_delete_bucket",
    "s3_bucket_exists",
    "s3_list_buckets",
    "s3_put_bucket_cors",
    "s3_get_bucket_cors",
    "s3_delete_bucket_cors",
    "s3_put_bucket_policy",
    "s3_get_bucket_policy",
    "s3_delete_bucket_policy",
    "s3_put_public_access_block",
    "s3_get_public_access_block",
    "s3_put_bucket_lifecycle",
    "s3_get_bucket_lifecycle",
    "s3_setup_bucket",
    "s3_doctor",
};

// One process writes it, others read it: no operation has to be atomic as a whole.
class SharedNumber {
 public:
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }
  void Set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(std::int64_t more) { Set(value() + more); }

 private:
  std::atomic<std::int64_t> value_;
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

struct SharedCounters {
  SharedNumber calls, errors, requests, retries, bytes_sent, bytes_received, microseconds;
};

// A reader that sees an odd change count, or another one afterwards, reads again.
struct SharedProgress {
  std::atomic<std::uint32_t> changes;
  std::uint32_t is_active;
  Progress progress;
  SharedNumber items_done, items_total, bytes_done, bytes_total;
};

struct Slot {
  SharedCounters counters[kOperationCount];
  SharedProgress current;
};

struct File {
  TimestampTz server_started_at;  // of the server whose numbers these are
  std::uint32_t layout;           // sizeof(Slot): another build of the library starts anew
  std::uint32_t slot_count;
  SharedCounters baseline[kOperationCount];  // the sums at the last reset
  Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

constexpr const char* kPath =
    "pg_stat_tmp/neon_s3";  // below the data directory, where a backend works

File* file = nullptr;
Slot* own_slot = nullptr;
alignas(File) char private_file[sizeof(File) + sizeof(Slot)];  // where there is none to share

int OwnSlotNumber() {
#if PG_VERSION_NUM >= 170000
  return MyProcNumber;
#else
  return MyBackendId - 1;
#endif
}

// Under the file's lock.
bool Prepare(int fd, std::size_t size) {
  File header;
  const bool is_current =
      pread(fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header) &&
      header.server_started_at == PgStartTime && header.layout == sizeof(Slot) &&
      header.slot_count == static_cast<std::uint32_t>(MaxBackends);
  if (is_current) return true;
  // All of its blocks now: a full disk must be an error here, and not a SIGBUS later.
  if (ftruncate(fd, 0) != 0 || posix_fallocate(fd, 0, static_cast<off_t>(size)) != 0) return false;
  std::memset(static_cast<void*>(&header), 0, sizeof header);
  header.server_started_at = PgStartTime;
  header.layout = sizeof(Slot);
  header.slot_count = static_cast<std::uint32_t>(MaxBackends);
  return pwrite(fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header);
}

File* Map() {
  const std::size_t size = sizeof(File) + sizeof(Slot) * static_cast<std::size_t>(MaxBackends);
  const int fd = open(kPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (fd < 0) return nullptr;
  void* memory = MAP_FAILED;
  if (flock(fd, LOCK_EX) == 0 && Prepare(fd, size)) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  flock(fd, LOCK_UN);  // the mapping keeps the file, and so its lock, beyond close()
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<File*>(memory);
}

void Clear(SharedProgress* current) {
  current->is_active = 0;
  current->changes.store(0, std::memory_order_release);
}

Slot& AttachSlot() {
  const int number = OwnSlotNumber();
  file = number >= 0 && number < MaxBackends ? Map() : nullptr;
  if (file != nullptr) {
    own_slot = &file->slots[number];
  } else {
    file = reinterpret_cast<File*>(private_file);
    file->slot_count = 1;
    own_slot = &file->slots[0];
  }
  Clear(&own_slot->current);  // its last owner may have crashed
  return *own_slot;
}

Slot& OwnSlot() { return own_slot != nullptr ? *own_slot : AttachSlot(); }

void AddTo(const SharedCounters& shared, std::int64_t sign, Counters* sum) {
  sum->calls += sign * shared.calls.value();
  sum->errors += sign * shared.errors.value();
  sum->requests += sign * shared.requests.value();
  sum->retries += sign * shared.retries.value();
  sum->bytes_sent += sign * shared.bytes_sent.value();
  sum->bytes_received += sign * shared.bytes_received.value();
  sum->microseconds += sign * shared.microseconds.value();
}

void AddTo(const Counters& more, SharedCounters* shared) {
  shared->calls.Add(more.calls);
  shared->errors.Add(more.errors);
  shared->requests.Add(more.requests);
  shared->retries.Add(more.retries);
  shared->bytes_sent.Add(more.bytes_sent);
  shared->bytes_received.Add(more.bytes_received);
  shared->microseconds.Add(more.microseconds);
}

template <typename Change>
void ChangeProgress(const Change& change) {
  SharedProgress& current = OwnSlot().current;
  const std::uint32_t changes = current.changes.load(std::memory_order_relaxed);
  current.changes.store(changes + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  change(&current);
  current.changes.store(changes + 2, std::memory_order_release);
}

}  // namespace

const char* OperationName(Operation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

void Count(Operation operation, const Counters& more) {
  AddTo(more, &OwnSlot().counters[static_cast<std::size_t>(operation)]);
}

void CountPresigned(Operation operation) {
  OwnSlot().counters[static_cast<std::size_t>(operation)].calls.Add(1);
}

void SumCounters(Counters* sums) {
  const std::size_t slot_count = SlotCount();
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    sums[i] = {};
    for (std::size_t slot = 0; slot < slot_count; ++slot)
      AddTo(file->slots[slot].counters[i], 1, &sums[i]);
    AddTo(file->baseline[i], -1, &sums[i]);
  }
}

void ResetCounters() {
  Counters sums[kOperationCount];
  SumCounters(sums);
  for (std::size_t i = 0; i < kOperationCount; ++i) AddTo(sums[i], &file->baseline[i]);
}

void BeginProgress(Operation operation, std::string_view key, TimestampTz started_at) {
  ChangeProgress([&](SharedProgress* current) {
    Progress& progress = current->progress;
    progress.pid = MyProcPid;
    progress.operation = operation;
    progress.started_at = started_at;
    progress.key_size = std::min(key.size(), sizeof progress.key);
    std::memcpy(progress.key, key.data(), progress.key_size);
    for (SharedNumber* number :
         {&current->items_done, &current->items_total, &current->bytes_total}) {
      number->Set(-1);
    }
    current->bytes_done.Set(0);
    current->is_active = 1;
  });
}

void EndProgress() {
  ChangeProgress([](SharedProgress* current) { current->is_active = 0; });
}

void SetItems(std::int64_t done, std::int64_t total) {
  OwnSlot().current.items_done.Set(done);
  OwnSlot().current.items_total.Set(total);
}

void SetBytesTotal(std::int64_t total) { OwnSlot().current.bytes_total.Set(total); }

void SetBytesDone(std::int64_t done) { OwnSlot().current.bytes_done.Set(done); }

std::size_t SlotCount() {
  OwnSlot();
  return file->slot_count;
}

bool ReadProgress(std::size_t slot, Progress* progress) {
  constexpr int kMostTries = 1000;  // a writer that died half way must not hold up the readers
  const SharedProgress& current = file->slots[slot].current;
  for (int i = 0; i < kMostTries; ++i) {
    const std::uint32_t changes = current.changes.load(std::memory_order_acquire);
    if (changes % 2 != 0) continue;
    const bool is_active = current.is_active != 0;
    std::memcpy(progress, &current.progress, sizeof *progress);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (current.changes.load(std::memory_order_relaxed) != changes) continue;
    progress->items_done = current.items_done.value();
    progress->items_total = current.items_total.value();
    progress->bytes_done = current.bytes_done.value();
    progress->bytes_total = current.bytes_total.value();
    return is_active;
  }
  return false;
}

}  // namespace neon_s3

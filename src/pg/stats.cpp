#include "pg/stats.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/encoding.h"
#include "pg/compat.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

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

// What changes at once, in words, so that a reader beside the writer reads no torn one.
class SharedActivity {
 public:
  struct Value {
    std::int32_t pid;
    Operation operation;
    TimestampTz started_at;
    std::uint64_t is_active;
    std::size_t key_size;
    char key[sizeof Progress::key];
  };

  void Set(const Value& value) {
    std::uint64_t words[kWords];
    std::memcpy(words, &value, sizeof value);
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_relaxed);
  }
  Value value() const {
    std::uint64_t words[kWords];
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    Value value;
    std::memcpy(&value, words, sizeof value);
    return value;
  }

 private:
  static constexpr std::size_t kWords = sizeof(Value) / sizeof(std::uint64_t);
  static_assert(sizeof(Value) % sizeof(std::uint64_t) == 0);

  std::atomic<std::uint64_t> words_[kWords];
};

// A reader that sees an odd change count, or another one afterwards, reads again.
struct SharedProgress {
  std::atomic<std::uint64_t> changes;
  SharedActivity activity;
  SharedNumber items_done, items_total, bytes_done, bytes_total;
};

struct Slot {
  SharedCounters counters[kOperationCount];
  SharedProgress current;
};

struct File {
  SharedCounters baseline[kOperationCount];  // the sums at the last reset
  Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

constexpr char kDirectory[] = "pg_stat_tmp";  // below the data directory, where a backend works
constexpr char kPrefix[] = "neon_s3.";

// This backend's part of the numbers.
struct Attached {
  File* file = nullptr;
  std::size_t slot_count = 0;
  Slot* own = nullptr;
};

Attached attached;
// Used where the shared file cannot be had.
alignas(File) char private_file[sizeof(File) + sizeof(Slot)];

// Of the layout: its sizes, and the operations in their order.
std::uint64_t LayoutHash() {
  std::uint64_t hash = 1469598103934665603u;  // FNV-1a
  const auto mix = [&hash](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  };
  for (const OperationInfo& operation : kOperations) mix(operation.name);
  return hash ^ sizeof(Slot);
}

struct FileName {
  char prefix[64];  // of all files of this run of the server
  char path[128];   // of the file
  char draft[160];  // before it is complete
};

FileName NameFile() {
  FileName name;
  std::snprintf(name.prefix, sizeof name.prefix, "%s%llx.", kPrefix,
                static_cast<unsigned long long>(PgStartTime));
  std::snprintf(name.path, sizeof name.path, "%s/%s%llx-%d", kDirectory, name.prefix,
                static_cast<unsigned long long>(LayoutHash()), MaxBackends);
  std::snprintf(name.draft, sizeof name.draft, "%s.%d", name.path, MyProcPid);
  return name;
}

// A mapping outlives its file's name, so it does not matter whether somebody still has one.
void RemoveEarlierRuns(const char* prefix) {
  DIR* const directory = opendir(kDirectory);
  if (directory == nullptr) return;
  while (const dirent* const entry = readdir(directory)) {
    const bool is_ours = std::strncmp(entry->d_name, kPrefix, std::strlen(kPrefix)) == 0;
    if (is_ours && std::strncmp(entry->d_name, prefix, std::strlen(prefix)) != 0) {
      unlinkat(dirfd(directory), entry->d_name, 0);
    }
  }
  closedir(directory);
}

// All of its blocks now: a full disk must be an error here, and not a SIGBUS later.
void MakeFile(const FileName& name, std::size_t size) {
  RemoveEarlierRuns(name.prefix);
  const int fd = open(name.draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  const bool is_whole = posix_fallocate(fd, 0, static_cast<off_t>(size)) == 0;
  // Somebody may have been faster, and Map() finds out whether there is a file now.
  [[maybe_unused]] const bool is_named = is_whole && link(name.draft, name.path) == 0;
  close(fd);
  unlink(name.draft);
}

File* Map() {
  const std::size_t size = sizeof(File) + sizeof(Slot) * static_cast<std::size_t>(MaxBackends);
  const FileName name = NameFile();
  if (access(name.path, R_OK | W_OK) != 0) MakeFile(name, size);
  const int fd = open(name.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return nullptr;
  struct stat status;
  const bool is_whole = fstat(fd, &status) == 0 && status.st_size == static_cast<off_t>(size);
  void* const memory =
      is_whole ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<File*>(memory);
}

void Attach() {
  const int number = ProcessNumber();
  attached.file = number >= 0 && number < MaxBackends ? Map() : nullptr;
  if (attached.file != nullptr) {
    attached.slot_count = static_cast<std::size_t>(MaxBackends);
    attached.own = &attached.file->slots[number];
  } else {
    attached.file = reinterpret_cast<File*>(private_file);
    attached.slot_count = 1;
    attached.own = &attached.file->slots[0];
  }
  // Its last owner may have crashed.
  attached.own->current.activity.Set({});
  attached.own->current.changes.store(0, std::memory_order_release);
}

Slot& OwnSlot() {
  if (attached.own == nullptr) Attach();
  return *attached.own;
}

// f(shared, plain) for each number.
template <typename Shared, typename Plain, typename Function>
void ForEachNumber(Shared& shared, Plain& plain, const Function& f) {
  f(shared.calls, plain.calls);
  f(shared.errors, plain.errors);
  f(shared.requests, plain.requests);
  f(shared.retries, plain.retries);
  f(shared.bytes_sent, plain.bytes_sent);
  f(shared.bytes_received, plain.bytes_received);
  f(shared.microseconds, plain.microseconds);
}

Counters SumOfSlots(std::size_t operation) {
  Counters sum;
  for (std::size_t slot = 0; slot < SlotCount(); ++slot) {
    ForEachNumber(attached.file->slots[slot].counters[operation], sum,
                  [](const SharedNumber& number, std::int64_t& total) { total += number.value(); });
  }
  return sum;
}

template <typename Change>
void ChangeProgress(const Change& change) {
  SharedProgress& current = OwnSlot().current;
  const std::uint64_t changes = current.changes.load(std::memory_order_relaxed);
  current.changes.store(changes + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  change(&current);
  current.changes.store(changes + 2, std::memory_order_release);
}

}  // namespace

void Count(Operation operation, const Counters& more) {
  ForEachNumber(OwnSlot().counters[static_cast<std::size_t>(operation)], more,
                [](SharedNumber& number, std::int64_t added) { number.Add(added); });
}

void CountPresigned(Operation operation) {
  OwnSlot().counters[static_cast<std::size_t>(operation)].calls.Add(1);
}

void SumCounters(Counters* sums) {
  OwnSlot();
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    sums[i] = SumOfSlots(i);
    ForEachNumber(attached.file->baseline[i], sums[i],
                  [](const SharedNumber& number, std::int64_t& sum) { sum -= number.value(); });
  }
}

// Two at once set much the same baseline: none is subtracted twice.
void ResetCounters() {
  OwnSlot();
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const Counters sum = SumOfSlots(i);
    ForEachNumber(attached.file->baseline[i], sum,
                  [](SharedNumber& number, std::int64_t value) { number.Set(value); });
  }
}

void BeginProgress(Operation operation, std::string_view key, TimestampTz started_at) {
  SharedActivity::Value activity = {};
  activity.pid = MyProcPid;
  activity.operation = operation;
  activity.started_at = started_at;
  activity.is_active = 1;
  const std::string_view fitting = Utf8Prefix(key, sizeof activity.key);
  activity.key_size = fitting.size();
  std::memcpy(activity.key, fitting.data(), fitting.size());
  ChangeProgress([&](SharedProgress* current) {
    current->activity.Set(activity);
    for (SharedNumber* number :
         {&current->items_done, &current->items_total, &current->bytes_total}) {
      number->Set(-1);
    }
    current->bytes_done.Set(0);
  });
}

void EndProgress() {
  ChangeProgress([](SharedProgress* current) { current->activity.Set({}); });
}

void SetItems(std::int64_t done, std::int64_t total) {
  OwnSlot().current.items_done.Set(done);
  OwnSlot().current.items_total.Set(total);
}

void SetBytesTotal(std::int64_t total) { OwnSlot().current.bytes_total.Set(total); }

void SetBytesDone(std::int64_t done) { OwnSlot().current.bytes_done.Set(done); }

std::size_t SlotCount() {
  OwnSlot();
  return attached.slot_count;
}

bool ReadProgress(std::size_t slot, Progress* progress) {
  constexpr int kMostTries = 1000;  // a writer that died half way must not hold up the readers
  const SharedProgress& current = attached.file->slots[slot].current;
  for (int i = 0; i < kMostTries; ++i) {
    const std::uint64_t changes = current.changes.load(std::memory_order_acquire);
    if (changes % 2 != 0) continue;
    const SharedActivity::Value activity = current.activity.value();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (current.changes.load(std::memory_order_relaxed) != changes) continue;
    progress->pid = activity.pid;
    progress->operation = activity.operation;
    progress->started_at = activity.started_at;
    progress->key_size = activity.key_size;
    std::memcpy(progress->key, activity.key, activity.key_size);
    progress->items_done = current.items_done.value();
    progress->items_total = current.items_total.value();
    progress->bytes_done = current.bytes_done.value();
    progress->bytes_total = current.bytes_total.value();
    return activity.is_active != 0;
  }
  return false;
}

}  // namespace neon_s3

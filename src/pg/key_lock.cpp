#include "pg/key_lock.h"

extern "C" {
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
}

namespace neon_s3 {
namespace {

constexpr uint32 kLockSpace = 0x6e733300;
// pg_advisory_lock() and its kind use 1 and 2 in this place.
constexpr uint16 kLockKind = 3;

LOCKTAG TagOf(const text* key) {
  const uint32 hash =
      DatumGetUInt32(hash_any(reinterpret_cast<const unsigned char*>(VARDATA_ANY(key)),
                              static_cast<int>(VARSIZE_ANY_EXHDR(key))));
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, kLockSpace, hash % kKeyLocks, kLockKind);
  return tag;
}

}  // namespace

void LockKeyForInsert(const text* key) {
  const LOCKTAG tag = TagOf(key);
  LockAcquire(&tag, ShareLock, false, false);
}

bool TryLockKeyForClaim(const text* key) {
  const LOCKTAG tag = TagOf(key);
  return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

}  // namespace neon_s3

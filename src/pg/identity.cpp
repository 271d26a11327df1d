#include "pg/identity.h"

#include <unistd.h>

#include "pg/compat.h"
#include "pg/settings.h"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// What the server's configuration says of a setting that is not ours; sessions are not asked, since
// anybody may set a name with a dot that no module has defined. Empty where it says nothing.
const char* ConfiguredText(const char* name) {
  int count;
  config_generic** settings = AllSettings(&count);
  for (int i = 0; i < count; ++i) {
    if (settings[i]->vartype != PGC_STRING || pg_strcasecmp(settings[i]->name, name) != 0) {
      continue;
    }
    const char* value = reinterpret_cast<config_string*>(settings[i])->reset_val;
    const bool is_configured = settings[i]->reset_source <= PGC_S_ARGV;
    return is_configured && value != nullptr ? value : "";
  }
  return "";
}

const char* HostName() {
  char* name = static_cast<char*>(palloc0(256));
  if (gethostname(name, 255) != 0) return "";
  return name;
}

const char* Instance() {
  const char* timeline = ConfiguredText("neon.timeline_id");
  const char* branch = ConfiguredText("neon.branch_id");
  if (*timeline != '\0' || *branch != '\0') return psprintf("neon:%s/%s", timeline, branch);
  const char* id = CurrentSettings().lifecycle_id;
  if (*id != '\0') return psprintf("id:%s", id);
  return psprintf("host:%s:%s", HostName(), DataDir);
}

bool IsSame(const Identity& a, const Identity& b) {
  return a.database == b.database && strcmp(a.system_identifier, b.system_identifier) == 0 &&
         strcmp(a.instance, b.instance) == 0;
}

enum Attribute { kOnlyRow = 1, kSystem, kDatabase, kInstance, kAsBranch, kArmedAt, kArmedBy };

Armed FromTuple(Relation table, HeapTuple tuple) {
  Datum values[kArmedBy];
  bool nulls[kArmedBy];
  heap_deform_tuple(tuple, RelationGetDescr(table), values, nulls);
  Armed armed;
  armed.is_armed = true;
  armed.as_branch = DatumGetBool(values[kAsBranch - 1]);
  armed.armed_at = DatumGetTimestampTz(values[kArmedAt - 1]);
  armed.identity = {TextDatumGetCString(values[kSystem - 1]), DatumGetInt64(values[kDatabase - 1]),
                    TextDatumGetCString(values[kInstance - 1])};
  return armed;
}

}  // namespace

Identity OwnIdentity() {
  return {psprintf(UINT64_FORMAT, GetSystemIdentifier()), static_cast<int64>(MyDatabaseId),
          Instance()};
}

Armed ReadArmed(const Extension& extension) {
  Armed armed = {};
  Relation table = table_open(OwnRelation(extension, "s3_lifecycle_identity"), AccessShareLock);
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
  HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) armed = FromTuple(table, tuple);
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  return armed;
}

bool IsHere(const Armed& armed) { return armed.is_armed && IsSame(armed.identity, OwnIdentity()); }

Armed RequireArmed(const Extension& extension) {
  const Armed armed = ReadArmed(extension);
  if (IsHere(armed)) return armed;
  const char* at = armed.is_armed ? timestamptz_to_str(armed.armed_at) : "";
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("this database does not own the lifecycle of its objects"),
           armed.is_armed ? errdetail("Database %lld of system %s, \"%s\", has owned it since %s.",
                                      static_cast<long long>(armed.identity.database),
                                      armed.identity.system_identifier, armed.identity.instance, at)
                          : errdetail("No database has been armed yet."),
           errhint("If this is the original, a superuser calls s3_arm_lifecycle(); in a copy that "
                   "lives beside the original, s3_arm_lifecycle(as_branch => true).")));
  pg_unreachable();
}

}  // namespace neon_s3

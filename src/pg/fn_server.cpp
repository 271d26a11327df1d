// s3_server_options_validator: what CREATE SERVER and CREATE USER MAPPING take.
#include "pg/fn_server.h"

#include "pg/boundary.h"
#include "pg/option.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"
}

namespace neon_s3 {
namespace {

// The known option of `owner` that looks most like `name`, or null.
const char* NearestOption(const char* name, OptionOwner owner) {
  constexpr int kMaxDistance = 4;
  const int length = static_cast<int>(strnlen(name, 64));
  const char* nearest = nullptr;
  int best = kMaxDistance + 1;
  for (const Option& option : Options()) {
    if (option.owner != owner) continue;
    const int distance = varstr_levenshtein_less_equal(name, length, option.name,
                                                       static_cast<int>(strlen(option.name)), 1, 1,
                                                       1, kMaxDistance, true);
    if (distance < best) {
      best = distance;
      nearest = option.name;
    }
  }
  return nearest;
}

const Option* FindOption(const char* name, OptionOwner owner) {
  for (const Option& option : Options()) {
    if (option.owner == owner && strcmp(option.name, name) == 0) return &option;
  }
  return nullptr;
}

[[noreturn]] void RefuseOption(const char* name, OptionOwner owner) {
  if (owner == OptionOwner::kServer && FindOption(name, OptionOwner::kUserMapping) != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" does not belong to a server", name),
                    errdetail("Everybody can read a server's options."),
                    errhint("Set it with CREATE USER MAPPING FOR ... SERVER ... OPTIONS.")));
  }
  const char* nearest = NearestOption(name, owner);
  ereport(
      ERROR,
      (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid option \"%s\"", name),
       nearest ? errhint("Perhaps you mean \"%s\".", nearest)
               : errhint("See docs/credentials.md for the options of servers and user mappings.")));
  pg_unreachable();
}

[[noreturn]] void RefuseToUser(const char* verb, const char* option) {
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("only superusers may %s option \"%s\"", verb, option),
                  errdetail("It chooses among the credentials of the database server."),
                  errhint("Only superusers may change a server that has it.")));
  pg_unreachable();
}

void CheckOption(const Option& option, const char* value) {
  if (option.superuser_only && !superuser()) RefuseToUser("set", option.name);
  if (option.check != nullptr) Guard([&] { option.check(value); });
}

// ---------------------------------------------------------------- dropping options

// The validator sees what is left. Who drops all of a server's options for superusers at once is
// caught after the command has written the row: its options call the validator, so the library is
// loaded by then.

// The hook that was there before. Set once, when the library is loaded.
object_access_hook_type next_hook = nullptr;

// The name of the first one, or null.
const char* SuperuserOption(List* options) {
  ListCell* cell;
  foreach (cell, options) {
    const char* name = static_cast<DefElem*>(lfirst(cell))->defname;
    const Option* option = FindOption(name, OptionOwner::kServer);
    if (option != nullptr && option->superuser_only) return name;
  }
  return nullptr;
}

// Of the row that the running command has written, which only SnapshotSelf sees.
List* WrittenOptions(Oid server) {
  Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_foreign_server_oid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(server));
  SysScanDesc scan =
      systable_beginscan(catalog, ForeignServerOidIndexId, true, SnapshotSelf, 1, &key);
  const HeapTuple row = systable_getnext(scan);
  bool is_null = true;
  const Datum options = HeapTupleIsValid(row) ? heap_getattr(row, Anum_pg_foreign_server_srvoptions,
                                                             RelationGetDescr(catalog), &is_null)
                                              : 0;
  List* list = is_null ? NIL : untransformRelOptions(options);
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return list;
}

// A row that keeps such an option has passed the validator, or keeps all of them.
void CheckAltered(Oid oid) {
  const ForeignServer& before = *GetForeignServer(oid);
  if (strcmp(GetForeignDataWrapper(before.fdwid)->fdwname, "neon_s3") != 0) return;
  const char* option = SuperuserOption(before.options);
  if (option != nullptr && SuperuserOption(WrittenOptions(oid)) == nullptr) {
    RefuseToUser("drop", option);
  }
}

void OnObjectAccess(ObjectAccessType access, Oid catalog, Oid object, int column, void* argument) {
  if (next_hook != nullptr) next_hook(access, catalog, object, column, argument);
  if (access == OAT_POST_ALTER && catalog == ForeignServerRelationId && !superuser()) {
    CheckAltered(object);
  }
}

}  // namespace

void WatchServers() {
  next_hook = object_access_hook;
  object_access_hook = OnObjectAccess;
}

NEON_S3_FUNCTION(neon_s3_server_options_validator);
Datum neon_s3_server_options_validator(PG_FUNCTION_ARGS) {
  List* options = untransformRelOptions(PG_GETARG_DATUM(0));
  // For the foreign-data wrapper itself there are none.
  const OptionOwner owner =
      PG_GETARG_OID(1) == UserMappingRelationId ? OptionOwner::kUserMapping : OptionOwner::kServer;
  ListCell* cell;
  foreach (cell, options) {
    auto* given = static_cast<DefElem*>(lfirst(cell));
    const Option* option = FindOption(given->defname, owner);
    if (option == nullptr) RefuseOption(given->defname, owner);
    CheckOption(*option, defGetString(given));
  }
  PG_RETURN_VOID();
}

}  // namespace neon_s3

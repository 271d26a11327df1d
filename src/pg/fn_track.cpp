// s3_track_files and s3_untrack_files.
#include "core/object_key.h"
#include "core/upload_limits.h"
#include "pg/args.h"
#include "pg/boundary.h"
#include "pg/compat.h"
#include "pg/governed.h"
#include "pg/settings.h"
#include "pg/result.h"
#include "pg/resolve_target.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- what cannot be governed

[[noreturn]] void Refuse(Relation relation, const char* reason, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("table \"%s\" cannot be governed", RelationGetRelationName(relation)),
                  errdetail("%s", reason), hint != nullptr ? errhint("%s", hint) : 0));
  pg_unreachable();
}

void CheckKind(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) {
    Refuse(relation, "It is neither an ordinary nor a partitioned table.", nullptr);
  }
  if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
    Refuse(relation, "It is a temporary table.", nullptr);
  }
  if (relation->rd_rel->relispartition) {
    Refuse(relation, "It is a partition.", "Track the partitioned table that it belongs to.");
  }
  const Oid table = RelationGetRelid(relation);
  if (has_superclass(table) ||
      (kind == RELKIND_RELATION && find_inheritance_children(table, AccessShareLock) != NIL)) {
    Refuse(relation, "It inherits from another table, or another table inherits from it.",
           "Partition the table instead.");
  }
}

AttrNumber CheckKey(Relation relation) {
  const AttrNumber column = KeyColumn(RelationGetDescr(relation));
  const FormData_pg_attribute* key = TupleDescAttr(RelationGetDescr(relation), column - 1);
  if (key->attgenerated != '\0') {
    Refuse(relation, "The column \"object_key\" is generated.", nullptr);
  }
  if (OidIsValid(key->attcollation) && !get_collation_isdeterministic(key->attcollation)) {
    Refuse(relation, "The collation of \"object_key\" takes different keys for equal.", nullptr);
  }
  return column;
}

bool IsLedBy(Oid index, AttrNumber column) {
  HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(tuple)) return false;
  const auto* form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  const bool is_led = form->indisvalid && form->indkey.values[0] == column &&
                      heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
  ReleaseSysCache(tuple);
  return is_led;
}

void CheckIndex(Relation relation, AttrNumber column) {
  ListCell* cell;
  foreach (cell, RelationGetIndexList(relation)) {
    if (IsLedBy(lfirst_oid(cell), column)) return;
  }
  Refuse(relation, "No index is led by the column \"object_key\".",
         "Create an index on (object_key), or declare the column UNIQUE.");
}

bool ChangesKeyWithParent(const ForeignKeyCacheInfo& key, AttrNumber column) {
  HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key.conoid));
  if (!HeapTupleIsValid(tuple)) return false;
  const char action = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple))->confupdtype;
  ReleaseSysCache(tuple);
  if (action == FKCONSTR_ACTION_NOACTION || action == FKCONSTR_ACTION_RESTRICT) return false;
  for (int i = 0; i < key.nkeys; ++i) {
    if (key.conkey[i] == column) return true;
  }
  return false;
}

void CheckForeignKeys(Relation relation, AttrNumber column) {
  ListCell* cell;
  foreach (cell, RelationGetFKeyList(relation)) {
    if (ChangesKeyWithParent(*static_cast<ForeignKeyCacheInfo*>(lfirst(cell)), column)) {
      Refuse(relation,
             "A foreign key changes \"object_key\" when the row that it refers to changes.",
             "Declare the foreign key without ON UPDATE CASCADE, SET NULL or SET DEFAULT.");
    }
  }
}

// An untrusted role, or PUBLIC, whose triggers would run as the owner.
bool FindTriggerCreator(const Extension& extension, Relation relation, Oid* role) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(RelationGetRelid(relation)));
  bool is_null;
  const Datum value = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
  const Acl* acl = is_null ? nullptr : DatumGetAclPCopy(value);
  ReleaseSysCache(tuple);
  for (int i = 0; acl != nullptr && i < ACL_NUM(acl); ++i) {
    const AclItem& item = ACL_DAT(acl)[i];
    if ((ACLITEM_GET_PRIVS(item) & ACL_TRIGGER) == 0) continue;
    *role = item.ai_grantee;
    if (*role == ACL_ID_PUBLIC || !IsTrusted(extension, *role)) return true;
  }
  return false;
}

void WarnOfTriggers(const Extension& extension, Relation relation) {
  Oid role;
  if (!FindTriggerCreator(extension, relation, &role)) return;
  const char* name = role == ACL_ID_PUBLIC ? "PUBLIC" : GetUserNameFromId(role, false);
  ereport(WARNING,
          (errcode(ERRCODE_WARNING),
           errmsg("\"%s\" may create triggers on table \"%s\"", name,
                  RelationGetRelationName(relation)),
           errdetail("A trigger can change keys, and runs as the table's owner when an upload is "
                     "confirmed, so it may sign any key."),
           errhint("REVOKE TRIGGER ON ... FROM ..., and grant SELECT, INSERT, UPDATE and DELETE by "
                   "name instead of ALL.")));
}

void CheckTable(const Extension& extension, Relation relation) {
  CheckKind(relation);
  const AttrNumber column = CheckKey(relation);
  CheckIndex(relation, column);
  CheckForeignKeys(relation, column);
  if (!relation->rd_rel->relrowsecurity) {
    ereport(WARNING,
            (errcode(ERRCODE_WARNING),
             errmsg("row-level security of table \"%s\" is off", RelationGetRelationName(relation)),
             errdetail("Every role that may read the table may download every file."),
             errhint("ALTER TABLE ... ENABLE ROW LEVEL SECURITY, and create policies.")));
  }
  WarnOfTriggers(extension, relation);
}

// ---------------------------------------------------------------- who may

void CheckOwner(Oid table) {
  const char kind = get_rel_relkind(table);
  if (kind == '\0') RefuseMissing(table);
  if (!OwnsRelation(table, GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), get_rel_name(table));
  }
}

void CheckTrust(const Extension& extension, Oid role) {
  if (IsTrusted(extension, role)) return;
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("role \"%s\" may not let a table be governed", GetUserNameFromId(role, false)),
           errhint("GRANT EXECUTE ON FUNCTION s3_presign_get to it.")));
}

// ---------------------------------------------------------------- triggers

void RunUtility(const char* statement) {
  const int result = SPI_execute(statement, false, 0);
  if (result != SPI_OK_UTILITY)
    elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

// Statements run as the extension's owner: EXECUTE on the trigger functions is
// granted to nobody. Their names and operators are PostgreSQL's, whatever the caller's search_path.
int BeginUtilities(const Extension& extension, SavedRole* saved) {
  const int level = NewGUCNestLevel();
  set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                    GUC_ACTION_SAVE, true, 0, false);
  *saved = BecomeRole(extension.owner);
  return level;
}

void EndUtilities(int level, const SavedRole& saved) {
  RestoreRole(saved);
  AtEOXact_GUC(true, level);
}

const char* QualifiedName(Relation relation) {
  return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                    RelationGetRelationName(relation));
}

void DropTriggers(Oid table, const char* name) {
  for (int i = 0; i < kFilesTriggers; ++i) {
    const char* trigger = FilesTriggers(false)[i].name;
    if (!OidIsValid(get_trigger_oid(table, trigger, true))) continue;
    RunUtility(psprintf("DROP TRIGGER %s ON %s", trigger, name));
  }
}

void CreateTriggers(const Extension& extension, const char* table, bool is_partitioned) {
  const char* schema = quote_identifier(get_namespace_name(extension.schema));
  for (int i = 0; i < kFilesTriggers; ++i) {
    const FilesTrigger& trigger = FilesTriggers(is_partitioned)[i];
    RunUtility(psprintf("CREATE TRIGGER %s %s EXECUTE FUNCTION %s.%s()", trigger.name,
                        psprintf(trigger.definition, table), schema, trigger.function));
  }
}

// ---------------------------------------------------------------- the record

constexpr Oid kTrackTypes[] = {REGCLASSOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTARRAYOID};
OwnStatement track(
    "INSERT INTO @.s3_governed_tables AS g (files_table, bucket, server, key_prefix, max_size, "
    "content_types) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (files_table) DO UPDATE SET "
    "bucket = EXCLUDED.bucket, server = EXCLUDED.server, key_prefix = EXCLUDED.key_prefix, "
    "max_size = EXCLUDED.max_size, content_types = EXCLUDED.content_types",
    kTrackTypes);

constexpr Oid kUntrackTypes[] = {REGCLASSOID};
OwnStatement forget_issued(
    "DELETE FROM @.s3_issued_keys i USING @.s3_governed_tables g WHERE g.id "
    "OPERATOR(pg_catalog.=) i.governed_table AND g.files_table::pg_catalog.oid "
    "OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
    kUntrackTypes);
OwnStatement untrack(
    "DELETE FROM @.s3_governed_tables g WHERE g.files_table::pg_catalog.oid "
    "OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
    kUntrackTypes);

struct Place {
  Datum bucket;
  Datum server;
  bool has_server;
};

// As they are now, by name. The owner signs, so the server must be the owner's to use.
Place FindPlace(Oid owner, const OptionalText& bucket, const OptionalText& server) {
  const char* setting = CurrentSettings().server;
  const std::string_view name = server ? *server : std::string_view(setting);
  const SavedRole saved = BecomeRole(owner);
  const Target target = ResolveTarget(bucket, OptionalText(name));
  std::string_view found;
  Guard([&] { found = RequireBucket(target); });
  RestoreRole(saved);
  Place place;
  place.bucket = TextDatum(found);
  place.server =
      PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size())));
  place.has_server = !name.empty();
  return place;
}

void CheckLimits(const OptionalText& key_prefix, const TextArgs& content_types) {
  Guard([&] {
    if (key_prefix && !key_prefix->empty()) ValidateObjectKey(std::string(*key_prefix) + "x");
    for (const std::string_view type : content_types) ValidateTypePattern(type);
  });
}

// Nobody waits for a lock on somebody else's table: behind who waits, others do.
Relation OpenOwnTable(FunctionCallInfo fcinfo, LOCKMODE lock) {
  if (PG_ARGISNULL(0)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("files_table is null")));
  }
  const Oid table = PG_GETARG_OID(0);
  CheckOwner(table);
  Relation relation = try_relation_open(table, lock);
  if (relation == nullptr) RefuseMissing(table);
  CheckOwner(table);
  return relation;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_track_files);
Datum neon_s3_track_files(PG_FUNCTION_ARGS) {
  PreventCommandIfReadOnly("s3_track_files()");
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  Relation relation = OpenOwnTable(fcinfo, ShareRowExclusiveLock);
  const Oid table = RelationGetRelid(relation);
  const Oid owner = relation->rd_rel->relowner;
  CheckTrust(extension, GetUserId());
  CheckTrust(extension, owner);
  CheckTable(extension, relation);
  const char* name = QualifiedName(relation);
  const bool is_partitioned = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
  relation_close(relation, NoLock);

  ArgReader args(fcinfo);
  args.ObjectId();
  const OptionalText bucket = args.Text();
  const Place place = FindPlace(owner, bucket, args.ServerText());
  const OptionalText key_prefix = args.Text();
  const std::optional<std::int64_t> max_size = args.NonNegative("max_size");
  const TextArgs content_types = args.Texts("content_types");
  CheckLimits(key_prefix, content_types);

  Datum values[] = {ObjectIdGetDatum(table),
                    place.bucket,
                    place.server,
                    key_prefix ? PG_GETARG_DATUM(3) : CStringGetTextDatum(""),
                    Int64GetDatum(max_size.value_or(0)),
                    PG_GETARG_DATUM(5)};
  const char nulls[] = {' ',
                        ' ',
                        place.has_server ? ' ' : 'n',
                        ' ',
                        max_size ? ' ' : 'n',
                        content_types.is_null ? 'n' : ' '};
  SPI_connect();
  track.Execute(extension, values, nulls);
  CommandCounterIncrement();
  const Ungoverned why_not = FindGoverned(extension, table).why_not;
  if (why_not != Ungoverned::kNo) {
    SavedRole saved;
    const int level = BeginUtilities(extension, &saved);
    DropTriggers(table, name);
    CreateTriggers(extension, name, is_partitioned);
    EndUtilities(level, saved);
  }
  SPI_finish();
  PG_RETURN_VOID();
}

NEON_S3_FUNCTION(neon_s3_untrack_files);
Datum neon_s3_untrack_files(PG_FUNCTION_ARGS) {
  PreventCommandIfReadOnly("s3_untrack_files()");
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  Relation relation = OpenOwnTable(fcinfo, AccessExclusiveLock);
  const Oid table = RelationGetRelid(relation);
  const char* name = QualifiedName(relation);
  relation_close(relation, NoLock);
  Datum values[] = {ObjectIdGetDatum(table)};
  SPI_connect();
  forget_issued.Execute(extension, values);
  untrack.Execute(extension, values);
  SavedRole saved;
  const int level = BeginUtilities(extension, &saved);
  DropTriggers(table, name);
  EndUtilities(level, saved);
  SPI_finish();
  PG_RETURN_VOID();
}

}  // namespace neon_s3

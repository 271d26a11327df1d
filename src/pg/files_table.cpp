#include "pg/files_table.h"

#include <iterator>

#include "pg/compat.h"
#include "pg/settings.h"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- which table

[[noreturn]] void RefuseMissing() {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                  errmsg("files table \"%s\" does not exist", CurrentSettings().files_table),
                  errhint("Create it with s3_create_files_table(), or set neon_s3.files_table.")));
  pg_unreachable();
}

// ---------------------------------------------------------------- its columns

constexpr const char* kMeasured[] = {
    "size", "etag", "content_type", "version_id", "checksum_sha256", "confirmed_at", "file_url"};

enum Column { kObjectKey, kFileUrl, kUserId, kContentType, kSize, kId, kUploadTimestamp };

struct ColumnInfo {
  const char* name;
  Oid type;  // of the function's own column or argument
  const char* cast;
};

// Those that are written come first: each is the parameter of its number.
constexpr ColumnInfo kColumns[] = {
    {"object_key", TEXTOID, "::pg_catalog.text"},
    {"file_url", TEXTOID, "::pg_catalog.text"},
    {"user_id", TEXTOID, "::pg_catalog.text"},
    {"content_type", TEXTOID, nullptr},
    {"size", INT8OID, nullptr},
    {"id", INT8OID, "::pg_catalog.int8"},
    {"upload_timestamp", TIMESTAMPTZOID, "::pg_catalog.timestamptz"},
};
constexpr int kParameters = kSize + 1;
constexpr Column kResult[] = {kId, kObjectKey, kFileUrl, kUserId, kUploadTimestamp};

using ColumnSet = uint32;

constexpr ColumnSet Bit(Column column) { return 1u << column; }
constexpr ColumnSet kAllColumns = (1u << std::size(kColumns)) - 1;

bool AppliesTo(const RowSecurityPolicy& policy, Oid role) {
  const auto* roles = reinterpret_cast<const Oid*>(ARR_DATA_PTR(policy.roles));
  for (int i = 0; i < ARR_DIMS(policy.roles)[0]; ++i) {
    if (roles[i] == ACL_ID_PUBLIC || has_privs_of_role(role, roles[i])) return true;
  }
  return false;
}

// False where row-level security shows the current user no row at all, so that an INSERT that
// reads the new one always fails.
bool MaySeeRows(Oid table) {
  Relation relation = relation_open(table, NoLock);
  bool may_see = false;
  ListCell* cell;
  foreach (cell, relation->rd_rsdesc != nullptr ? relation->rd_rsdesc->policies : NIL) {
    const auto* policy = static_cast<RowSecurityPolicy*>(lfirst(cell));
    const bool is_for_select = policy->polcmd == '*' || policy->polcmd == ACL_SELECT_CHR;
    may_see = may_see || (policy->permissive && is_for_select && AppliesTo(*policy, GetUserId()));
  }
  relation_close(relation, NoLock);
  return may_see;
}

// Looked up for each call: rights change with roles, grants and policies.
ColumnSet ReadableColumns(Oid table, bool has_row_security) {
  if (has_row_security && !MaySeeRows(table)) return 0;
  if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return kAllColumns;
  ColumnSet readable = 0;
  for (const Column column : kResult) {
    const AttrNumber number = get_attnum(table, kColumns[column].name);
    if (number != InvalidAttrNumber &&
        pg_attribute_aclcheck(table, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK) {
      readable |= Bit(column);
    }
  }
  return readable;
}

// ---------------------------------------------------------------- the statement

const FormData_pg_attribute* FindAttribute(TupleDesc table, Column column) {
  for (int i = 0; i < table->natts; ++i) {
    FormData_pg_attribute* attribute = TupleDescAttr(table, i);
    if (!attribute->attisdropped && namestrcmp(&attribute->attname, kColumns[column].name) == 0) {
      return attribute;
    }
  }
  return nullptr;
}

// The guide's columns are always written: where one is missing, it is the INSERT that says so.
bool IsWritten(TupleDesc table, Column column) {
  if (column < kContentType) return true;
  const FormData_pg_attribute* attribute = FindAttribute(table, column);
  return attribute != nullptr && attribute->attgenerated == '\0' && attribute->attidentity == '\0';
}

bool IsReturned(TupleDesc table, Column column) {
  const FormData_pg_attribute* attribute = FindAttribute(table, column);
  if (attribute == nullptr) return false;
  const Oid type = kColumns[column].type;
  return type == TEXTOID || can_coerce_type(1, &attribute->atttypid, &type, COERCION_IMPLICIT);
}

// What is to be inserted beside the columns above, each with a comma before it.
struct MoreColumns {
  StringInfoData names;
  StringInfoData values;
};

void CheckMoreColumn(TupleDesc table, const char* name) {
  const bool is_ours = strcmp(name, "object_key") == 0 || strcmp(name, "user_id") == 0;
  if (is_ours || IsMeasuredColumn(name)) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("columns must not set \"%s\"", name),
             errhint("It has an argument of its own, or is set when the upload is "
                     "confirmed.")));
  }
  for (int i = 0; i < table->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(table, i);
    if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0) return;
  }
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                  errmsg("the files table has no column \"%s\"", name)));
}

MoreColumns ReadMoreColumns(TupleDesc table, Jsonb* columns) {
  MoreColumns more;
  initStringInfo(&more.names);
  initStringInfo(&more.values);
  if (columns == nullptr) return more;
  if (!JB_ROOT_IS_OBJECT(columns)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("columns must be a JSON object of column name -> value")));
  }
  JsonbValue value;
  JsonbIterator* iterator = JsonbIteratorInit(&columns->root);
  for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true); token != WJB_DONE;
       token = JsonbIteratorNext(&iterator, &value, true)) {
    if (token != WJB_KEY) continue;
    const char* name = pnstrdup(value.val.string.val, value.val.string.len);
    CheckMoreColumn(table, name);
    appendStringInfo(&more.names, ", %s", quote_identifier(name));
    appendStringInfo(&more.values, ", r.%s", quote_identifier(name));
  }
  return more;
}

void AppendValues(TupleDesc table, ColumnSet given, const MoreColumns& more, StringInfo statement) {
  StringInfoData values;
  initStringInfo(&values);
  const char* separator = "";
  for (int i = 0; i < kParameters; ++i) {
    const auto column = static_cast<Column>(i);
    if (!(given & Bit(column)) || !IsWritten(table, column)) continue;
    appendStringInfo(statement, "%s%s", separator, kColumns[column].name);
    appendStringInfo(&values, "%s$%d", separator, column + 1);
    separator = ", ";
  }
  appendStringInfo(statement, "%s) SELECT %s%s", more.names.data, values.data, more.values.data);
}

// What may not or cannot be read is replaced by what is known.
void AppendReturning(TupleDesc table, ColumnSet readable, StringInfo statement) {
  const char* separator = " RETURNING ";
  for (const Column column : kResult) {
    appendStringInfoString(statement, separator);
    if ((readable & Bit(column)) && IsReturned(table, column)) {
      appendStringInfoString(statement, kColumns[column].name);
    } else if (column < kParameters) {
      appendStringInfo(statement, "$%d", column + 1);
    } else {
      appendStringInfoString(statement, "NULL");
    }
    appendStringInfoString(statement, kColumns[column].cast);
    separator = ", ";
  }
}

// Everything that a statement depends on, but for what invalidates its plan.
struct PlanKey {
  Oid table;
  ColumnSet given;
  ColumnSet readable;
};

struct Plan {
  SPIPlanPtr statement;
  Oid types[kParameters + 1];  // the last one is of further columns
};

Plan Prepare(const PlanKey& key, Jsonb* columns) {
  Relation relation = relation_open(key.table, NoLock);
  TupleDesc table = RelationGetDescr(relation);
  StringInfoData statement;
  initStringInfo(&statement);
  const char* name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                                RelationGetRelationName(relation));
  appendStringInfo(&statement, "INSERT INTO %s (", name);
  AppendValues(table, key.given, ReadMoreColumns(table, columns), &statement);
  if (columns != nullptr) {
    appendStringInfo(&statement, " FROM pg_catalog.jsonb_populate_record(NULL::%s, $%d) AS r", name,
                     kParameters + 1);
  }
  AppendReturning(table, key.readable, &statement);

  // A text is read by the column's own type, as a literal would be.
  Plan plan;
  for (int i = 0; i < kParameters; ++i) {
    const FormData_pg_attribute* attribute = FindAttribute(table, static_cast<Column>(i));
    const bool is_text = kColumns[i].type == TEXTOID;
    plan.types[i] = is_text && attribute != nullptr ? attribute->atttypid : kColumns[i].type;
  }
  relation_close(relation, NoLock);
  plan.types[kParameters] = JSONBOID;
  plan.statement = SPI_prepare_cursor(statement.data, kParameters + (columns != nullptr ? 1 : 0),
                                      plan.types, CURSOR_OPT_GENERIC_PLAN);
  return plan;
}

// ---------------------------------------------------------------- plans that are kept

constexpr long kMaxPlans = 32;

struct KeptPlan {
  PlanKey key;
  Plan plan;
};

MemoryContext plans_context = nullptr;
HTAB* kept_plans = nullptr;
int running = 0;  // plans that run: while there are any, none is freed

void Drop(KeptPlan* kept) {
  SPI_freeplan(kept->plan.statement);
  hash_search(kept_plans, &kept->key, HASH_REMOVE, nullptr);
}

void DropAll() {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, kept_plans);
  while (auto* kept = static_cast<KeptPlan*>(hash_seq_search(&status))) Drop(kept);
}

// Where memory ends half-way, the next call begins anew.
void MakePlans() {
  if (plans_context == nullptr) {
    plans_context = AllocSetContextCreate(TopMemoryContext, "neon_s3 plans", ALLOCSET_SMALL_SIZES);
  }
  MemoryContextReset(plans_context);
  kept_plans =
      CreateHashTable("neon_s3 plans", kMaxPlans, sizeof(PlanKey), sizeof(KeptPlan), plans_context);
}

// What is prepared is kept until PostgreSQL's plan cache says that it is not valid any more: then
// the table or a schema has changed, and columns may have other names and types. Changes of the
// search_path and of the role need no new statement, and the plan cache plans it anew by itself.
Plan FindPlan(const PlanKey& key) {
  if (kept_plans == nullptr) MakePlans();
  auto* kept = static_cast<KeptPlan*>(hash_search(kept_plans, &key, HASH_FIND, nullptr));
  if (kept != nullptr && SPI_plan_is_valid(kept->plan.statement)) return kept->plan;

  const Plan plan = Prepare(key, nullptr);
  if (running > 0) return plan;  // of a trigger that saves more: not kept
  if (kept != nullptr) Drop(kept);
  if (hash_get_num_entries(kept_plans) >= kMaxPlans) DropAll();
  kept = static_cast<KeptPlan*>(hash_search(kept_plans, &key, HASH_ENTER, nullptr));
  kept->plan = plan;
  SPI_keepplan(plan.statement);
  return plan;
}

// ---------------------------------------------------------------- the INSERT

Datum AsType(const text* value, Oid type) {
  if (type == TEXTOID || type == VARCHAROID) return PointerGetDatum(value);
  Oid input, element;
  getTypeInputInfo(type, &input, &element);
  return OidInputFunctionCall(input, text_to_cstring(value), element, -1);
}

[[noreturn]] void RethrowWithHint(MemoryContext context) {
  MemoryContextSwitchTo(context);
  ErrorData* error = CopyErrorData();
  FlushErrorState();
  if (error->hint == nullptr) {
    error->hint =
        pstrdup("The role needs policies that let it insert the new row and see the new row.");
  }
  ReThrowError(error);
  pg_unreachable();
}

void Execute(const Plan& plan, const NewFile& file) {
  const text* const texts[] = {file.object_key, file.file_url, file.user_id, file.content_type};
  Datum values[kParameters + 1] = {};
  char nulls[kParameters + 1];
  for (int i = 0; i < kSize; ++i) {
    nulls[i] = texts[i] == nullptr ? 'n' : ' ';
    if (texts[i] != nullptr) values[i] = AsType(texts[i], plan.types[i]);
  }
  nulls[kSize] = file.size == nullptr ? 'n' : ' ';
  if (file.size != nullptr) values[kSize] = Int64GetDatum(*file.size);
  nulls[kParameters] = ' ';
  values[kParameters] = PointerGetDatum(file.columns);
  SPI_execute_plan(plan.statement, values, nulls, false, 0);
}

void Insert(const PlanKey& key, const NewFile& file, bool reads_with_row_security) {
  const Plan plan = file.columns == nullptr ? FindPlan(key) : Prepare(key, file.columns);
  MemoryContext context = CurrentMemoryContext;
  ++running;  // a domain's check and a trigger may insert, too
  PG_TRY();
  { Execute(plan, file); }
  PG_CATCH();
  {
    --running;
    if (reads_with_row_security && geterrcode() == ERRCODE_INSUFFICIENT_PRIVILEGE) {
      RethrowWithHint(context);
    }
    PG_RE_THROW();
  }
  PG_END_TRY();
  --running;
}

}  // namespace

Oid LockFilesTable(LOCKMODE mode) {
  List* names = QualifiedNameList(CurrentSettings().files_table);
  const Oid table = RangeVarGetRelid(makeRangeVarFromNameList(names), mode, true);
  if (!OidIsValid(table)) RefuseMissing();
  return table;
}

bool IsMeasuredColumn(const char* name) {
  for (const char* measured : kMeasured) {
    if (strcmp(measured, name) == 0) return true;
  }
  return false;
}

Datum InsertFile(Oid table, const NewFile& file, TupleDesc result) {
  const bool has_row_security = check_enable_rls(table, InvalidOid, true) == RLS_ENABLED;
  PlanKey key = {table, kAllColumns, ReadableColumns(table, has_row_security)};
  if (file.content_type == nullptr) key.given &= ~Bit(kContentType);
  if (file.size == nullptr) key.given &= ~Bit(kSize);

  SPI_connect();
  Insert(key, file, has_row_security && key.readable != 0);
  Datum row = 0;
  if (SPI_processed > 0 && SPI_tuptable != nullptr) {
    row = HeapTupleHeaderGetDatum(SPI_returntuple(SPI_tuptable->vals[0], result));
  }
  SPI_finish();
  return row;
}

}  // namespace neon_s3

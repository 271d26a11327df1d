#include "pg/own_tables.h"

#include "pg/compat.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

Oid FindPresignGet(const Extension& extension) {
  const Oid types[] = {TEXTOID, INTERVALOID, TEXTOID,  TEXTOID,       TEXTOID,
                       TEXTOID, JSONBOID,    JSONBOID, TIMESTAMPTZOID};
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("s3_presign_get"),
                         PointerGetDatum(buildoidvector(types, lengthof(types))),
                         ObjectIdGetDatum(extension.schema));
}

SavedRole Become(Oid role, int flags) {
  SavedRole saved;
  GetUserIdAndSecContext(&saved.role, &saved.context);
  SetUserIdAndSecContext(role, saved.context | flags);
  return saved;
}

char* WithSchema(const char* text, const char* schema) {
  StringInfoData result;
  initStringInfo(&result);
  for (; *text != '\0'; ++text) {
    if (*text == '@') {
      appendStringInfoString(&result, schema);
    } else {
      appendStringInfoChar(&result, *text);
    }
  }
  return result.data;
}

}  // namespace

Extension FindExtension(Oid function) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("function with OID %u does not exist", function)));
  }
  const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  const Extension extension = {proc->pronamespace, proc->proowner};
  ReleaseSysCache(tuple);
  return extension;
}

bool IsTrusted(const Extension& extension, Oid role) {
  const Oid function = FindPresignGet(extension);
  return OidIsValid(function) && FunctionAcl(function, role, ACL_EXECUTE) == ACLCHECK_OK;
}

Oid OwnRelation(const Extension& extension, const char* name) {
  const Oid relation = get_relname_relid(name, extension.schema);
  if (!OidIsValid(relation)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("relation \"%s\" of extension neon_s3 does not exist", name)));
  }
  return relation;
}

SavedRole BecomeRole(Oid role) { return Become(role, SECURITY_LOCAL_USERID_CHANGE); }

SavedRole BecomeOwner(Oid owner) {
  return Become(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

void RestoreRole(const SavedRole& saved) { SetUserIdAndSecContext(saved.role, saved.context); }

void OwnStatement::Prepare(const Extension& extension) {
  if (plan_ != nullptr) SPI_freeplan(plan_);
  plan_ = nullptr;
  const char* schema = quote_identifier(get_namespace_name(extension.schema));
  SPIPlanPtr plan = SPI_prepare(WithSchema(text_, schema), count_, types_);
  if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
  SPI_keepplan(plan);
  plan_ = plan;
  schema_ = extension.schema;
}

uint64 OwnStatement::Run(const Extension& extension, Datum* values, const char* nulls,
                         Snapshot snapshot) {
  MemoryContext caller = CurrentMemoryContext;  // SPI leaves its own
  const SavedRole saved = BecomeRole(extension.owner);
  if (plan_ == nullptr || schema_ != extension.schema) Prepare(extension);
  const int result =
      SPI_execute_snapshot(plan_, values, nulls, snapshot, InvalidSnapshot, false, true, 0);
  if (result < 0) elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
  RestoreRole(saved);
  MemoryContextSwitchTo(caller);
  return SPI_processed;
}

uint64 OwnStatement::Execute(const Extension& extension, Datum* values, const char* nulls) {
  return Run(extension, values, nulls, InvalidSnapshot);
}

uint64 OwnStatement::ExecuteLatest(const Extension& extension, Datum* values, const char* nulls) {
  return Run(extension, values, nulls, GetLatestSnapshot());
}

}  // namespace neon_s3

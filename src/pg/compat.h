// All that differs between the versions of PostgreSQL. No other file asks for the version.
#pragma once

#include <cstdlib>
#include <cstring>

#include "pg/pg.h"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"
#include "utils/hsearch.h"
#include "utils/regproc.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#else
#include "storage/backendid.h"
#endif
}

namespace neon_s3 {

// ---------------------------------------------------------------- memory of settings' values

inline void* GucMalloc(std::size_t size) {
#if PG_VERSION_NUM >= 160000
  return guc_malloc(LOG, size);
#else
  return std::malloc(size);
#endif
}

inline void GucFree(void* memory) {
#if PG_VERSION_NUM >= 160000
  guc_free(memory);
#else
  std::free(memory);
#endif
}

inline void GucFreeSecret(char* text) {
  if (text == nullptr) return;
  explicit_bzero(text, std::strlen(text));
  GucFree(text);
}

inline char* GucStrdup(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  char* copy = static_cast<char*>(GucMalloc(size));
  if (copy != nullptr) std::memcpy(copy, text, size);
  return copy;
}

// ---------------------------------------------------------------- hash tables

// A hash table in `context`, by keys without padding. Newer versions call it an internal error
// (XX000) where hash_create() lacks memory.
inline HTAB* CreateHashTable(const char* name, long size, Size key_size, Size entry_size,
                             MemoryContext context) {
  MemoryContext caller = CurrentMemoryContext;
  HASHCTL control = {};
  control.keysize = key_size;
  control.entrysize = entry_size;
  control.hcxt = context;
  HTAB* volatile table = nullptr;
  PG_TRY();
  { table = hash_create(name, size, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT); }
  PG_CATCH();
  {
    if (geterrcode() != ERRCODE_INTERNAL_ERROR) PG_RE_THROW();
    MemoryContextSwitchTo(caller);
    FlushErrorState();
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  }
  PG_END_TRY();
  return table;
}

// ---------------------------------------------------------------- settings

inline config_generic** AllSettings(int* count) {
#if PG_VERSION_NUM >= 160000
  return get_guc_variables(count);
#else
  *count = GetNumConfigOptions();
  return get_guc_variables();
#endif
}

// ---------------------------------------------------------------- who may

inline AclResult ServerAcl(Oid server, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ForeignServerRelationId, server, role, mode);
#else
  return pg_foreign_server_aclcheck(server, role, mode);
#endif
}

inline AclResult FunctionAcl(Oid function, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ProcedureRelationId, function, role, mode);
#else
  return pg_proc_aclcheck(function, role, mode);
#endif
}

inline AclResult SchemaAcl(Oid schema, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(NamespaceRelationId, schema, role, mode);
#else
  return pg_namespace_aclcheck(schema, role, mode);
#endif
}

inline bool OwnsRelation(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, relation, role);
#else
  return pg_class_ownercheck(relation, role);
#endif
}

// Raises unless the caller may INSERT those columns (offset as in RTEPermissionInfo) of the state's
// one table.
inline void CheckInsertPermission(ParseState* state, ParseNamespaceItem* item, Bitmapset* columns) {
#if PG_VERSION_NUM >= 160000
  item->p_perminfo->requiredPerms = ACL_INSERT;
  item->p_perminfo->insertedCols = columns;
  ExecCheckPermissions(state->p_rtable, list_make1(item->p_perminfo), true);
#else
  item->p_rte->requiredPerms = ACL_INSERT;
  item->p_rte->insertedCols = columns;
  ExecCheckRTPerms(state->p_rtable, true);
#endif
}

// ---------------------------------------------------------------- names, statements, scans

inline List* QualifiedNameList(const char* name) {
#if PG_VERSION_NUM >= 160000
  return stringToQualifiedNameList(name, nullptr);
#else
  return stringToQualifiedNameList(name);
#endif
}

// Whether the statement may have RETURNING: MERGE from version 17 on.
inline bool MayReturnRows(NodeTag statement) {
  switch (statement) {
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
#if PG_VERSION_NUM >= 170000
    case T_MergeStmt:
#endif
      return true;
    default:
      return false;
  }
}

// By one key.
inline IndexScanDesc BeginIndexScan(Relation table, Relation index, Snapshot snapshot) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, 1, 0);
#else
  return index_beginscan(table, index, snapshot, 1, 0);
#endif
}

// ---------------------------------------------------------------- processes

// From 0; negative in a process that has none.
inline int ProcessNumber() {
#if PG_VERSION_NUM >= 170000
  return MyProcNumber;
#else
  return MyBackendId - 1;
#endif
}

// Before version 17 events of extensions have no names of their own.
inline uint32 NewWaitEvent([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
  return WaitEventExtensionNew(name);
#else
  return PG_WAIT_EXTENSION;
#endif
}

}  // namespace neon_s3

// From version 18 on the module says its name and version, which pg_get_loaded_modules() shows.
#if PG_VERSION_NUM >= 180000
#define NEON_S3_MODULE_MAGIC(number) PG_MODULE_MAGIC_EXT(.name = "neon_s3", .version = number)
#else
#define NEON_S3_MODULE_MAGIC(number) PG_MODULE_MAGIC
#endif

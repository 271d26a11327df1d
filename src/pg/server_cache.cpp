#include "pg/server_cache.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/credentials.h"
#include "pg/boundary.h"
#include "pg/compat.h"
#include "pg/option.h"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

// As many are kept at most; then the cache starts anew.
constexpr std::size_t kMostServers = 256;

struct Entry {
  Oid role;
  bool is_checked;  // the role has USAGE
  std::string name;
  SecretString texts;  // that `server.given` has views of
  NamedServer server;
};

// Entries are boxed, so that views of their texts stay good while they move from list to list.
struct ServerCache {
  // Bumped by everything that may change a server, a user mapping or a right to use a server.
  std::uint64_t catalog_generation = 1;
  std::uint64_t generation = 0;  // that the entries are of
  std::vector<std::unique_ptr<Entry>> entries;
  Entry* last = nullptr;                        // the one found last
  std::vector<std::unique_ptr<Entry>> retired;  // callers may still have views of the texts
};

// Made at the first call, never destroyed.
ServerCache* cache = nullptr;
alignas(ServerCache) unsigned char cache_bytes[sizeof(ServerCache)];

void OnCatalogChange(Datum, int, uint32) { ++cache->catalog_generation; }

void OnTransactionEnd(XactEvent event, void*) {
  if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
      event == XACT_EVENT_PRE_PREPARE) {
    return;
  }
  cache->retired.clear();
}

// What can fail comes first.
void Start() {
  RegisterXactCallback(OnTransactionEnd, nullptr);
  cache = new (cache_bytes) ServerCache();
  // Those that roles_is_member_of() depends on (the last three) are among them.
  for (const int id : {FOREIGNSERVEROID, USERMAPPINGOID, FOREIGNDATAWRAPPEROID, AUTHOID,
                       AUTHMEMROLEMEM, DATABASEOID}) {
    CacheRegisterSyscacheCallback(id, OnCatalogChange, 0);
  }
}

// C++ side.
void RetireAll() {
  cache->last = nullptr;
  cache->retired.reserve(cache->retired.size() + cache->entries.size());
  for (auto& entry : cache->entries) cache->retired.push_back(std::move(entry));
  cache->entries.clear();
}

// ---------------------------------------------------------------- reading the catalogs

[[noreturn]] void RefuseUnknown(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name),
                  errhint("Make it with CREATE SERVER ... FOREIGN DATA WRAPPER neon_s3.")));
  pg_unreachable();
}

void CheckUsage(Oid server, const char* name, Oid role) {
  const AclResult acl = ServerAcl(server, role, ACL_USAGE);
  if (acl != ACLCHECK_OK) aclcheck_error(acl, OBJECT_FOREIGN_SERVER, name);
}

ForeignServer* RequireServer(const char* name, Oid role, bool is_checked) {
  const Oid oid = get_foreign_server_oid(name, true);
  if (!OidIsValid(oid)) RefuseUnknown(name);
  if (is_checked) CheckUsage(oid, name, role);
  ForeignServer* server = GetForeignServer(oid);
  if (std::string_view(GetForeignDataWrapper(server->fdwid)->fdwname) != "neon_s3") {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("server \"%s\" is not a server of neon_s3's", name),
                    errhint("Make one with CREATE SERVER ... FOREIGN DATA WRAPPER neon_s3.")));
  }
  return server;
}

// Of the role's mapping, or else of PUBLIC's; NIL where there is neither.
List* MappingOptions(Oid server, Oid role) {
  HeapTuple tuple =
      SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
  if (!HeapTupleIsValid(tuple)) {
    tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
                            ObjectIdGetDatum(server));
  }
  if (!HeapTupleIsValid(tuple)) return NIL;
  bool is_null;
  const Datum options =
      SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
  List* list = NIL;
  if (!is_null) {
    // A copy of our own to be wiped: the one that is made on the way otherwise would stay.
    ArrayType* array = DatumGetArrayTypePCopy(options);
    list = untransformRelOptions(PointerGetDatum(array));
    explicit_bzero(array, VARSIZE(array));
  }
  ReleaseSysCache(tuple);
  return list;
}

// ---------------------------------------------------------------- filling the cache

void Take(List* list, Target* given) {
  ListCell* cell;
  foreach (cell, list) {
    auto* item = static_cast<DefElem*>(lfirst(cell));
    for (const Option& option : Options()) {
      if (std::strcmp(option.name, item->defname) == 0) option.text(*given) = defGetString(item);
    }
  }
}

void WipeValues(List* options) {
  ListCell* cell;
  foreach (cell, options) {
    char* value = defGetString(static_cast<DefElem*>(lfirst(cell)));
    explicit_bzero(value, std::strlen(value));
  }
}

// C++ side: copies the texts of `given` into the entry.
void TakeTexts(Target given, Entry* entry) {
  std::size_t size = 0;
  for (const Option& option : Options()) size += option.text(given).size();
  entry->texts.reserve(size + 1);  // never moved, and never null
  for (const Option& option : Options()) {
    std::string_view& text = option.text(given);
    if (text.data() == nullptr) continue;
    const std::size_t start = entry->texts.size();
    entry->texts.append(text);
    text = {entry->texts.data() + start, text.size()};
  }
  entry->server.given = given;
}

// Only what is found is kept.
Entry* Add(const char* name, Oid role, bool is_checked) {
  const ForeignServer& server = *RequireServer(name, role, is_checked);
  Target given = {};
  Take(server.options, &given);
  List* mapping = MappingOptions(server.serverid, role);
  Take(mapping, &given);
  Guard([&] {
    auto entry = std::make_unique<Entry>();
    entry->role = role;
    entry->is_checked = is_checked;
    entry->name = name;
    TakeTexts(given, entry.get());
    if (cache->entries.size() == kMostServers) RetireAll();
    cache->entries.push_back(std::move(entry));
  });
  WipeValues(mapping);
  return cache->entries.back().get();
}

bool IsFor(const Entry& entry, std::string_view name, Oid role, bool is_checked) {
  return entry.role == role && entry.is_checked == is_checked && entry.name == name;
}

Entry* FindEntry(std::string_view name, Oid role, bool is_checked) {
  for (const auto& entry : cache->entries) {
    if (IsFor(*entry, name, role, is_checked)) return entry.get();
  }
  return nullptr;
}

NamedServer& Find(std::string_view name, Oid role, bool is_checked) {
  if (name.size() >= NAMEDATALEN) RefuseUnknown(pnstrdup(name.data(), name.size()));
  if (cache == nullptr) Start();
  if (cache->generation != cache->catalog_generation) {
    Guard([] { RetireAll(); });
    cache->generation = cache->catalog_generation;
  }
  if (cache->last != nullptr && IsFor(*cache->last, name, role, is_checked)) {
    return cache->last->server;
  }
  Entry* entry = FindEntry(name, role, is_checked);
  if (entry == nullptr) entry = Add(pnstrdup(name.data(), name.size()), role, is_checked);
  cache->last = entry;
  return entry->server;
}

}  // namespace

NamedServer& FindServer(std::string_view name, Oid role) { return Find(name, role, true); }

NamedServer& FindServerUnchecked(std::string_view name, Oid role) {
  return Find(name, role, false);
}

}  // namespace neon_s3

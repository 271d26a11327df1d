#include "pg/server_cache.h"

#include <cstdlib>
#include <cstring>

#include "pg/boundary.h"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

// All texts of one server. Not of PostgreSQL's memory, so that a callback can free it.
struct TextBlock {
  TextBlock* next;
  std::size_t size;  // of the texts
  char texts[FLEXIBLE_ARRAY_MEMBER];
};

struct Key {
  Oid user;
  NameData name;
};

struct Entry {
  Key key;
  TextBlock* block;  // null: there is nothing in the entry
  NamedServer server;
};

// Bumped by everything that may make a server, its mapping or somebody's right to it another.
std::uint64_t catalog_generation = 1;

HTAB* servers = nullptr;
std::uint64_t servers_generation = 0;  // the generation that all of them are of
Entry* last = nullptr;                 // the one found last
TextBlock* retired = nullptr;

void WipeAndFree(TextBlock* block) {
  explicit_bzero(block->texts, block->size);
  std::free(block);
}

void OnCatalogChange(Datum, int, uint32) { ++catalog_generation; }

void OnTransactionEnd(XactEvent event, void*) {
  if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
      event == XACT_EVENT_PRE_PREPARE) {
    return;
  }
  while (retired != nullptr) {
    TextBlock* const next = retired->next;
    WipeAndFree(retired);
    retired = next;
  }
}

void Start() {
  HASHCTL control = {};
  control.keysize = sizeof(Key);
  control.entrysize = sizeof(Entry);
  control.hcxt = TopMemoryContext;
  servers = hash_create("neon_s3 servers", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  // Those that roles_is_member_of() depends on (the last three) are among them.
  for (const int cache : {FOREIGNSERVEROID, USERMAPPINGOID, FOREIGNDATAWRAPPEROID, AUTHOID,
                          AUTHMEMROLEMEM, DATABASEOID}) {
    CacheRegisterSyscacheCallback(cache, OnCatalogChange, 0);
  }
  RegisterXactCallback(OnTransactionEnd, nullptr);
}

// Callers may still hold views of the texts.
void Retire(Entry* entry) {
  if (entry->block == nullptr) return;
  entry->block->next = retired;
  retired = entry->block;
  entry->block = nullptr;
}

void RetireAll() {
  last = nullptr;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, servers);
  while (auto* entry = static_cast<Entry*>(hash_seq_search(&status))) {
    Retire(entry);
    hash_search(servers, &entry->key, HASH_REMOVE, nullptr);
  }
}

// ---------------------------------------------------------------- reading the catalogs

[[noreturn]] void RefuseUnknown(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name),
                  errhint("Make it with CREATE SERVER ... FOREIGN DATA WRAPPER neon_s3.")));
  pg_unreachable();
}

ForeignServer* RequireServer(const char* name) {
  const Oid oid = get_foreign_server_oid(name, true);
  if (!OidIsValid(oid)) RefuseUnknown(name);
#if PG_VERSION_NUM >= 160000
  const AclResult acl = object_aclcheck(ForeignServerRelationId, oid, GetUserId(), ACL_USAGE);
#else
  const AclResult acl = pg_foreign_server_aclcheck(oid, GetUserId(), ACL_USAGE);
#endif
  if (acl != ACLCHECK_OK) aclcheck_error(acl, OBJECT_FOREIGN_SERVER, name);

  ForeignServer* server = GetForeignServer(oid);
  if (std::string_view(GetForeignDataWrapper(server->fdwid)->fdwname) != "neon_s3") {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("server \"%s\" is not a server of neon_s3's", name),
                    errhint("Make one with CREATE SERVER ... FOREIGN DATA WRAPPER neon_s3.")));
  }
  return server;
}

// Of the current user's mapping, or else of PUBLIC's; NIL where there is neither.
List* MappingOptions(Oid server) {
  HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(GetUserId()),
                                    ObjectIdGetDatum(server));
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

// ---------------------------------------------------------------- options

struct NamedText {
  std::string_view name;
  std::string_view* value;
};

template <std::size_t kCount>
void Take(List* options, const NamedText (&texts)[kCount]) {
  ListCell* cell;
  foreach (cell, options) {
    auto* option = static_cast<DefElem*>(lfirst(cell));
    for (const NamedText& text : texts) {
      if (text.name == option->defname) *text.value = defGetString(option);
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

template <std::size_t kCount>
TextBlock* MoveToBlock(const NamedText (&texts)[kCount]) {
  std::size_t size = 1;
  for (const NamedText& text : texts) size += text.value->size();
  auto* block = static_cast<TextBlock*>(std::malloc(offsetof(TextBlock, texts) + size));
  if (block == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  }
  block->size = size;
  char* end = block->texts;
  for (const NamedText& text : texts) {
    if (text.value->data() == nullptr) continue;
    std::memcpy(end, text.value->data(), text.value->size());
    *text.value = {end, text.value->size()};
    end += text.value->size();
  }
  return block;
}

// Nothing is in the entry unless all goes well.
void Fill(Entry* entry) {
  ServerOptions options = {};
  std::string_view style;
  const NamedText texts[] = {
      {"region", &options.region},
      {"bucket", &options.bucket},
      {"endpoint", &options.endpoint},
      {"public_endpoint", &options.public_endpoint},
      {"addressing_style", &style},
      {"credential_providers", &options.credential_providers},
      {"credentials_file", &options.credentials_file},
      {"profile", &options.profile},
      {"role_arn", &options.role_arn},
      {"external_id", &options.external_id},
      {"role_session_name", &options.role_session_name},
      {"access_key_id", &options.mapping.access_key_id},
      {"secret_access_key", &options.mapping.secret_access_key},
      {"session_token", &options.mapping.session_token},
  };
  const ForeignServer& server = *RequireServer(NameStr(entry->key.name));
  Take(server.options, texts);
  if (!style.empty()) {
    Guard([&] { options.addressing_style = ParseAddressingStyle(style); });
  }
  options.trusted = superuser_arg(server.owner);
  List* mapping = MappingOptions(server.serverid);
  Take(mapping, texts);
  TextBlock* block = MoveToBlock(texts);
  WipeValues(mapping);

  entry->server.options = options;
  entry->server.settings_generation = 0;
  entry->block = block;
}

bool IsFor(const Entry& entry, std::string_view name) {
  const char* known = NameStr(entry.key.name);
  return entry.key.user == GetUserId() && std::memcmp(known, name.data(), name.size()) == 0 &&
         known[name.size()] == '\0';
}

}  // namespace

NamedServer& FindServer(std::string_view name) {
  if (name.size() >= NAMEDATALEN) RefuseUnknown(pnstrdup(name.data(), name.size()));
  if (servers == nullptr) Start();
  if (servers_generation != catalog_generation) {
    RetireAll();
    servers_generation = catalog_generation;
  }
  if (last != nullptr && IsFor(*last, name)) return last->server;

  Key key = {};
  key.user = GetUserId();
  std::memcpy(NameStr(key.name), name.data(), name.size());
  bool found;
  auto* entry = static_cast<Entry*>(hash_search(servers, &key, HASH_ENTER, &found));
  if (!found) entry->block = nullptr;
  last = nullptr;
  if (entry->block == nullptr) Fill(entry);
  last = entry;
  return entry->server;
}

}  // namespace neon_s3

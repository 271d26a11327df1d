#include "pg/target.h"

#include "pg/boundary.h"
#include "pg/guc.h"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace neon_s3 {
namespace {

Target TargetOfSettings() {
  const Settings& settings = CurrentSettings();
  Target target;
  target.default_bucket = settings.bucket;
  target.region = settings.region;
  target.region_is_set = settings.region_is_set;
  target.endpoint = settings.endpoint;
  target.public_endpoint = settings.public_endpoint;
  target.addressing_style = static_cast<AddressingStyle>(settings.addressing_style);
  target.credential_providers = settings.credential_providers;
  target.credentials_file = settings.credentials_file;
  target.profile = settings.profile;
  target.static_credentials = StaticCredentials();
  return target;
}

ForeignServer* RequireServer(const char* name) {
  const Oid oid = get_foreign_server_oid(name, true);
  if (!OidIsValid(oid)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name),
                    errhint("Make it with CREATE SERVER ... FOREIGN DATA WRAPPER neon_s3.")));
  }
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
  HeapTuple tuple =
      SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(GetUserId()), ObjectIdGetDatum(server));
  if (!HeapTupleIsValid(tuple)) {
    tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
  }
  if (!HeapTupleIsValid(tuple)) return NIL;
  bool is_null;
  const Datum options =
      SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
  List* list = is_null ? NIL : untransformRelOptions(options);
  ReleaseSysCache(tuple);
  return list;
}

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

void OverrideWithServer(const ForeignServer& server, Target* target) {
  std::string_view style;
  const NamedText texts[] = {
      {"region", &target->region},
      {"bucket", &target->default_bucket},
      {"endpoint", &target->endpoint},
      {"public_endpoint", &target->public_endpoint},
      {"addressing_style", &style},
      {"credential_providers", &target->credential_providers},
      {"credentials_file", &target->credentials_file},
      {"profile", &target->profile},
      {"role_arn", &target->role_arn},
      {"external_id", &target->external_id},
      {"role_session_name", &target->role_session_name},
  };
  // The public endpoint of the settings belongs to their endpoint, and not to one of the server's own.
  const std::string_view common_endpoint = target->endpoint, common_public = target->public_endpoint;
  const std::string_view common_region = target->region;
  target->endpoint = target->public_endpoint = {};
  Take(server.options, texts);
  if (target->region.data() != common_region.data()) target->region_is_set = true;
  const bool own_endpoint = target->endpoint.data() != nullptr;
  if (!own_endpoint) target->endpoint = common_endpoint;
  if (!own_endpoint && target->public_endpoint.data() == nullptr) target->public_endpoint = common_public;
  if (!style.empty()) Foreign([&] { target->addressing_style = ParseAddressingStyle(style); });
}

void TakeCredentials(const ForeignServer& server, Target* target) {
  Credentials mapping;
  const NamedText texts[] = {
      {"access_key_id", &mapping.access_key_id},
      {"secret_access_key", &mapping.secret_access_key},
      {"session_token", &mapping.session_token},
  };
  Take(MappingOptions(server.serverid), texts);
  const bool trusted = superuser_arg(server.owner);
  if (!mapping.access_key_id.empty() || !trusted) target->static_credentials = mapping;
  // Whoever may create servers may not thereby sign with what belongs to the database server.
  if (!trusted) target->credential_providers = "static";
}

}  // namespace

Target ResolveTarget(const OptionalText& bucket, const char* server) {
  Target target = TargetOfSettings();
  target.bucket = bucket;
  const char* name = server != nullptr ? server : CurrentSettings().server;
  if (*name == '\0') return target;
  const ForeignServer& named = *RequireServer(name);
  OverrideWithServer(named, &target);
  TakeCredentials(named, &target);
  return target;
}

Target ReadTarget(ArgReader& args) {
  const OptionalText bucket = args.Text();
  return ResolveTarget(bucket, args.Name());
}

}  // namespace neon_s3

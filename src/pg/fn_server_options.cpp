// s3_server_options_validator: what CREATE SERVER and CREATE USER MAPPING take.
#include "core/endpoint.h"
#include "net/credential_chain.h"
#include "net/endpoint_url.h"
#include "pg/boundary.h"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/varlena.h"
}

namespace neon_s3 {
namespace {

void CheckNothing(const char*) {}
void CheckBucket(const char* value) { ValidateBucketName(value); }
void CheckRegion(const char* value) { ValidateRegion(value); }
void CheckStyle(const char* value) { ParseAddressingStyle(value); }
void CheckProviders(const char* value) { ParseProviders(value); }
void CheckEndpoint(const char* value) {
  if (*value) ParseEndpointUrl(value);
}

struct Option {
  const char* name;
  Oid catalog;
  bool superuser_only;  // it chooses among credentials that belong to the database server
  void (*check)(const char* value);
};

constexpr Option kOptions[] = {
    {"region", ForeignServerRelationId, false, CheckRegion},
    {"bucket", ForeignServerRelationId, false, CheckBucket},
    {"endpoint", ForeignServerRelationId, false, CheckEndpoint},
    {"public_endpoint", ForeignServerRelationId, false, CheckEndpoint},
    {"addressing_style", ForeignServerRelationId, false, CheckStyle},
    {"credential_providers", ForeignServerRelationId, true, CheckProviders},
    {"credentials_file", ForeignServerRelationId, true, CheckNothing},
    {"profile", ForeignServerRelationId, true, CheckNothing},
    {"role_arn", ForeignServerRelationId, true, CheckNothing},
    {"external_id", ForeignServerRelationId, true, CheckNothing},
    {"role_session_name", ForeignServerRelationId, true, CheckNothing},
    {"access_key_id", UserMappingRelationId, false, CheckNothing},
    {"secret_access_key", UserMappingRelationId, false, CheckNothing},
    {"session_token", UserMappingRelationId, false, CheckNothing},
};

// The known option of `catalog` that looks most like `name`, or null.
const char* NearestOption(const char* name, Oid catalog) {
  constexpr int kMaxDistance = 4;
  const int length = static_cast<int>(strnlen(name, 64));
  const char* nearest = nullptr;
  int best = kMaxDistance + 1;
  for (const Option& option : kOptions) {
    if (option.catalog != catalog) continue;
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

const Option* FindOption(const char* name, Oid catalog) {
  for (const Option& option : kOptions) {
    if (option.catalog == catalog && strcmp(option.name, name) == 0) return &option;
  }
  return nullptr;
}

[[noreturn]] void RefuseOption(const char* name, Oid catalog) {
  if (catalog == ForeignServerRelationId && FindOption(name, UserMappingRelationId) != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" does not belong to a server", name),
                    errdetail("Everybody can read a server's options."),
                    errhint("Set it with CREATE USER MAPPING FOR ... SERVER ... OPTIONS.")));
  }
  const char* nearest = NearestOption(name, catalog);
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid option \"%s\"", name),
                  nearest ? errhint("Perhaps you mean \"%s\".", nearest)
                          : errhint("The README lists the options of servers and user mappings.")));
  pg_unreachable();
}

void CheckOption(const Option& option, const char* value) {
  if (option.superuser_only && !superuser()) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("only superusers may set option \"%s\"", option.name),
                    errdetail("It chooses among the credentials of the database server.")));
  }
  Guard([&] { option.check(value); });
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_server_options_validator);
Datum neon_s3_server_options_validator(PG_FUNCTION_ARGS) {
  List* options = untransformRelOptions(PG_GETARG_DATUM(0));
  const Oid catalog = PG_GETARG_OID(1);
  ListCell* cell;
  foreach (cell, options) {
    auto* given = static_cast<DefElem*>(lfirst(cell));
    const Option* option = FindOption(given->defname, catalog);
    if (option == nullptr) RefuseOption(given->defname, catalog);
    CheckOption(*option, defGetString(given));
  }
  PG_RETURN_VOID();
}

}  // namespace neon_s3

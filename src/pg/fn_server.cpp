// s3_server_options_validator: what CREATE SERVER and CREATE USER MAPPING take.
#include "pg/boundary.h"
#include "pg/option.h"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
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

void CheckOption(const Option& option, const char* value) {
  if (option.superuser_only && !superuser()) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("only superusers may set option \"%s\"", option.name),
                    errdetail("It chooses among the credentials of the database server."),
                    errhint("Only superusers may change a server that has it.")));
  }
  if (option.check != nullptr) Guard([&] { option.check(value); });
}

}  // namespace

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

#include "pg/signed_log.h"

#include <cstring>
#include <string>

#include "core/encoding.h"
#include "core/utc_time.h"
#include "pg/boundary.h"
#include "pg/settings.h"
#include "pg/stats.h"

extern "C" {
#include "miscadmin.h"
}

namespace neon_s3 {
namespace {

std::string* line = nullptr;
bool is_noted = false;

void AddField(const char* name, std::string_view value) {
  line->append(" ").append(name).append("=");
  AppendUriEncodedPath(value, line);
}

}  // namespace

void NoteSigned(const SignedFor& what) {
  const OperationInfo& info = InfoOf(what.operation);
  is_noted = false;
  if (CurrentSettings().log_urls) {
    if (line == nullptr) line = new std::string();
    line->clear();
    AddField("function", info.name);
    AddField("method", what.method);
    AddField("bucket", what.bucket);
    AddField("key", what.key.value_or(""));
    line->append(" expires=").append(UtcTime(what.expires_at).extended());
    is_noted = true;
  }
  CountPresigned(what.operation);
}

void LogSigned() {
  if (!is_noted) return;
  is_noted = false;
  char role[NAMEDATALEN * kMaxEscape];
  char* name = GetUserNameFromId(GetUserId(), true);
  *EncodeUriPath(name == nullptr ? "" : name, role) = '\0';
  ereport(LOG_SERVER_ONLY, (errmsg_internal("signed URL: role=%s%s", role, line->c_str()),
                            errhidestmt(true), errhidecontext(true)));
}

}  // namespace neon_s3

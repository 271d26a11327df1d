#include "pg/guc.h"

#include <cstring>
#include <string>

#include "core/endpoint.h"
#include "core/presign.h"
#include "net/host_patterns.h"
#include "net/http_proxy.h"
#include "pg/boundary.h"
#include "pg/compat.h"
#include "pg/option.h"

extern "C" {
#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace neon_s3 {
namespace {

Settings settings;
std::uint64_t generation = 1;

void AssignTargetText(const char*, void*) { ++generation; }

constexpr config_enum_entry kAddressingStyles[] = {
    {"auto", static_cast<int>(AddressingStyle::kAuto), false},
    {"virtual", static_cast<int>(AddressingStyle::kVirtual), false},
    {"path", static_cast<int>(AddressingStyle::kPath), false},
    {nullptr, 0, false},
};

int addressing_style;

void AssignAddressingStyle(int value, void* extra) {
  settings.addressing_style_is_set = *static_cast<bool*>(extra);
  for (const config_enum_entry* entry = kAddressingStyles; entry->name != nullptr; ++entry) {
    if (entry->val == value) settings.addressing_style = const_cast<char*>(entry->name);
  }
  ++generation;
}

// ---------------------------------------------------------------- validated texts

bool RefuseWithoutMemory() {
  GUC_check_errcode(ERRCODE_OUT_OF_MEMORY);
  GUC_check_errmsg("out of memory");
  return false;
}

template <typename Validate>
bool CheckText(const char* value, const Validate& validate) {
  ErrorReport report;
  if (*value == '\0') return true;
  if (TryGuard([&] { validate(value); }, &report)) return true;
  GUC_check_errcode(SqlState(report.code));
  GUC_check_errmsg("%s", ServerText(report.message));
  if (*report.hint) GUC_check_errhint("%s", ServerText(report.hint));
  return false;
}

// As the option of that setting is checked.
template <char* Settings::*kSetting>
bool CheckOption(char** newval, void**, GucSource) {
  for (const Option& option : Options()) {
    if (option.setting != kSetting || option.check == nullptr) continue;
    if (!CheckText(*newval, option.check)) return false;
  }
  return true;
}

// ---------------------------------------------------------------- secrets

constexpr char kMask[] = "****";

// PostgreSQL shows a setting's variable in more places than its show hook covers: a reload writes
// "parameter ... changed to ..." to the log, and pg_settings has a column for the reset value. So
// what comes from the configuration leaves only the mask in the variable; the value itself travels
// as the check hook's "extra". A superuser's SET keeps the value in the variable, because that is
// what a parallel worker gets to see of its leader's settings.
struct Secret {
  const char* what;
  char* variable;    // the mask, or what a SET gave
  char* configured;  // what the configuration said last: a parallel worker finds it here
};

Secret access_key_id = {"S3 credentials", nullptr, nullptr};
Secret secret_access_key = access_key_id;
Secret session_token = access_key_id;
Secret http_proxy = {"a proxy, which may have a password,", nullptr, nullptr};

bool IsWorldReadableSource(GucSource source) {
  return source == PGC_S_TEST || source == PGC_S_GLOBAL || source == PGC_S_DATABASE ||
         source == PGC_S_USER || source == PGC_S_DATABASE_USER;
}

bool CheckSecret(Secret& secret, char** newval, void** extra, GucSource source) {
  if (IsWorldReadableSource(source)) {
    GUC_check_errmsg("%s cannot be set for a role, a database or a function", secret.what);
    GUC_check_errdetail("Everybody can read those settings in the system catalogs.");
    GUC_check_errhint("Set them in postgresql.conf, with neon_s3 in shared_preload_libraries.");
    return false;
  }
  const bool masked = std::strcmp(*newval, kMask) == 0;
  const char* value = *newval;
  if (masked) value = IsParallelWorker() && secret.configured != nullptr ? secret.configured : "";
  *extra = GucStrdup(value);
  if (*extra == nullptr) return RefuseWithoutMemory();
  if (source >= PGC_S_CLIENT || masked) return true;

  char* mask = GucStrdup(kMask);
  char* configured = mask == nullptr ? nullptr : GucStrdup(value);
  if (configured == nullptr) {
    GucFreeSecret(static_cast<char*>(*extra));
    *extra = nullptr;
    GucFree(mask);
    return RefuseWithoutMemory();
  }
  if (source > PGC_S_DEFAULT) std::swap(secret.configured, configured);
  GucFreeSecret(configured);
  GucFreeSecret(*newval);
  *newval = mask;
  return true;
}

// What the configuration says wrongly is kept, lest another key signs: signing refuses it.
template <Secret& kSecret, char* Settings::*kSetting>
bool CheckSecretHook(char** newval, void** extra, GucSource source) {
  if (source >= PGC_S_CLIENT && !CheckOption<kSetting>(newval, extra, source)) return false;
  return CheckSecret(kSecret, newval, extra, source);
}

template <char* Settings::*kSetting>
void AssignSecretHook(const char*, void* extra) {
  settings.*kSetting = static_cast<char*>(extra);
  ++generation;
}

const char* ShowSecret() { return kMask; }

bool CheckProxyHook(char** newval, void** extra, GucSource source) {
  const bool is_set = source >= PGC_S_CLIENT && std::strcmp(*newval, kMask) != 0;
  if (is_set && !CheckText(*newval, [](const char* value) { ParseHttpProxy(value); })) return false;
  return CheckSecret(http_proxy, newval, extra, source);
}

// All but user and password. The text is good until the next one.
const char* ShowProxy() {
  static char shown[512];
  ErrorReport ignored;
  shown[0] = '\0';
  TryGuard(
      [&] {
        const std::string text = ShownHttpProxy(settings.http_proxy);
        shown[text.copy(shown, sizeof shown - 1)] = '\0';
      },
      &ignored);
  return shown;
}

template <Secret& kSecret, char* Settings::*kSetting>
void DefineMasked(const char* name, const char* description, const char* more,
                  GucStringCheckHook check, GucShowHook show) {
  DefineCustomStringVariable(name, description, more,
                             /*valueAddr=*/&kSecret.variable,
                             /*bootValue=*/"",
                             /*context=*/PGC_SUSET,
                             /*flags=*/GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
                             /*check_hook=*/check,
                             /*assign_hook=*/AssignSecretHook<kSetting>,
                             /*show_hook=*/show);
}

template <Secret& kSecret, char* Settings::*kSetting>
void DefineSecret(const char* name, const char* description) {
  DefineMasked<kSecret, kSetting>(
      name, description,
      "Shown as **** to everybody. For roles, databases and functions it cannot be set.",
      CheckSecretHook<kSecret, kSetting>, ShowSecret);
}

// ---------------------------------------------------------------- what may be left at its default

// The "extra" says whether somebody set it: environment and profile count only where nobody did.
bool NoteWhetherSet(void** extra, GucSource source) {
  auto* is_set = static_cast<bool*>(GucMalloc(sizeof(bool)));
  if (is_set == nullptr) return RefuseWithoutMemory();
  *is_set = source > PGC_S_DEFAULT;
  *extra = is_set;
  return true;
}

bool CheckRegion(char** newval, void** extra, GucSource source) {
  if (**newval == '\0') {
    GUC_check_errmsg("neon_s3.region must not be empty");
    return false;
  }
  return CheckOption<&Settings::region>(newval, extra, source) && NoteWhetherSet(extra, source);
}

void AssignRegion(const char*, void* extra) {
  settings.region_is_set = *static_cast<bool*>(extra);
  ++generation;
}

bool CheckAddressingStyle(int*, void** extra, GucSource source) {
  return NoteWhetherSet(extra, source);
}

bool CheckHosts(char** newval, void**, GucSource) {
  return CheckText(*newval, [](const char* value) { HostPatterns patterns(value); });
}

// ---------------------------------------------------------------- definitions

void DefineText(const char* name, const char* description, const char* more, char** variable,
                const char* initial, GucStringCheckHook check, GucContext context = PGC_SUSET,
                GucStringAssignHook assign = AssignTargetText) {
  DefineCustomStringVariable(name, description, more,
                             /*valueAddr=*/variable,
                             /*bootValue=*/initial,
                             /*context=*/context,
                             /*flags=*/0,
                             /*check_hook=*/check,
                             /*assign_hook=*/assign,
                             /*show_hook=*/nullptr);
}

void DefineInteger(const char* name, const char* description, const char* more, int* variable,
                   int initial, int min, int max, GucContext context, int unit) {
  DefineCustomIntVariable(name, description, more,
                          /*valueAddr=*/variable,
                          /*bootValue=*/initial,
                          /*minValue=*/min,
                          /*maxValue=*/max,
                          /*context=*/context,
                          /*flags=*/unit,
                          /*check_hook=*/nullptr,
                          /*assign_hook=*/nullptr,
                          /*show_hook=*/nullptr);
}

void DefineBoolean(const char* name, const char* description, const char* more, bool* variable) {
  DefineCustomBoolVariable(name, description, more,
                           /*valueAddr=*/variable,
                           /*bootValue=*/false,
                           /*context=*/PGC_SUSET,
                           /*flags=*/0,
                           /*check_hook=*/nullptr,
                           /*assign_hook=*/nullptr,
                           /*show_hook=*/nullptr);
}

void DefineSeconds(const char* name, const char* description, int* variable, int initial,
                   GucContext context) {
  DefineInteger(name, description, nullptr, variable, initial, /*min=*/kMinExpiry,
                /*max=*/kMaxExpiry, context, GUC_UNIT_S);
}

void DefineLifecycleSettings() {
  DefineInteger(
      "neon_s3.delete_delay", "How long a committed delete waits before it reaches the bucket.",
      "It counts from the DELETE, and for items that are not in the outbox yet.",
      &settings.delete_delay, /*initial=*/0, /*min=*/0, /*max=*/INT_MAX, PGC_SUSET, GUC_UNIT_S);
  DefineText("neon_s3.lifecycle_id", "Name of this database cluster for s3_arm_lifecycle().",
             "The same on all members of a cluster, and another on every copy.",
             &settings.lifecycle_id, "", nullptr, PGC_SIGHUP, nullptr);
  DefineText("neon_s3.worker_database",
             "Databases, separated by commas, whose outbox the background worker empties and whose "
             "uploads it confirms.",
             "The worker is there if shared_preload_libraries has neon_s3, and this is not empty "
             "when the server starts.",
             &settings.worker_database, "", nullptr, PGC_SIGHUP, nullptr);
  DefineInteger("neon_s3.worker_interval", "How long the background worker rests between its runs.",
                nullptr, &settings.worker_interval, /*initial=*/10, /*min=*/1, /*max=*/86400,
                PGC_SIGHUP, GUC_UNIT_S);
}

void DefineRequestSettings() {
  constexpr int kDay = 24 * 60 * 60 * 1000;
  DefineInteger("neon_s3.connect_timeout",
                "How long a connection to the S3 server may take to be made.", nullptr,
                &settings.connect_timeout, /*initial=*/10000, /*min=*/1, /*max=*/kDay, PGC_USERSET,
                GUC_UNIT_MS);
  DefineInteger("neon_s3.request_timeout",
                "How long one request to the S3 server may take, its retries included.",
                "Large objects travel in parts, each of which is a request.",
                &settings.request_timeout, /*initial=*/60000, /*min=*/1, /*max=*/kDay, PGC_USERSET,
                GUC_UNIT_MS);
  DefineInteger("neon_s3.max_attempts", "How often a request to the S3 server is sent at most.",
                "1: it is never retried.", &settings.max_attempts, /*initial=*/3, /*min=*/1,
                /*max=*/100, PGC_USERSET, /*unit=*/0);
  DefineInteger("neon_s3.max_response_size", "Largest object that is read into memory.",
                "Larger ones go through s3_get_large_object.", &settings.max_response_size,
                /*initial=*/256 << 20, /*min=*/1, /*max=*/MaxAllocSize - VARHDRSZ, PGC_SUSET,
                GUC_UNIT_BYTE);
  DefineText("neon_s3.ca_file", "Certificates (PEM) that the S3 server's is checked against.",
             "Empty for the operating system's.", &settings.ca_file, "", nullptr);
  DefineBoolean("neon_s3.allow_http", "Lets requests go to S3 servers without TLS.",
                "Loopback addresses need no permission.", &settings.allow_http);
  DefineText("neon_s3.allowed_hosts",
             "Hosts that requests may go to, such as s3.example.com, *.example.org.",
             "With or without the bucket in front. Empty for every host. Presigned URLs are not "
             "concerned.",
             &settings.allowed_hosts, "", CheckHosts);
  DefineMasked<http_proxy, &Settings::http_proxy>(
      "neon_s3.http_proxy", "HTTP proxy for requests: http://[user:password@]host:port.",
      "Empty for none: the environment never counts. Shown without user and password. For roles, "
      "databases and functions it cannot be set.",
      CheckProxyHook, ShowProxy);
}

void DefineCredentialSettings() {
  DefineSecret<access_key_id, &Settings::access_key_id>("neon_s3.access_key_id",
                                                        "Access key ID of the static credentials.");
  DefineSecret<secret_access_key, &Settings::secret_access_key>(
      "neon_s3.secret_access_key", "Secret access key of the static credentials.");
  DefineSecret<session_token, &Settings::session_token>(
      "neon_s3.session_token", "Session token of the static credentials, if they are temporary.");
  DefineText("neon_s3.credential_providers", "Where credentials are looked for, in this order.",
             "static, environment, profile; over the network: web_identity, container, instance, "
             "assume_role.",
             &settings.credential_providers, "static, environment, profile",
             CheckOption<&Settings::credential_providers>);
  DefineText("neon_s3.credentials_file", "AWS shared credentials file of the profile provider.",
             "Empty for the one of the server's operating system user.", &settings.credentials_file,
             "", nullptr);
  DefineText("neon_s3.profile", "Profile in the credentials file.", nullptr, &settings.profile,
             "default", nullptr);
}

void DefinePlaceSettings() {
  DefineText("neon_s3.region", "Region of the bucket, part of every signature.",
             "Names Amazon S3's own endpoint where neon_s3.endpoint is empty.", &settings.region,
             "us-east-1", CheckRegion, PGC_SUSET, AssignRegion);
  DefineText("neon_s3.bucket", "Bucket for calls that name none.", nullptr, &settings.bucket, "",
             CheckOption<&Settings::bucket>);
  DefineText("neon_s3.endpoint", "Endpoint of the S3 server: http[s]://host[:port][/base].",
             "Without the bucket. Empty for Amazon S3's own endpoint in neon_s3.region.",
             &settings.endpoint, "", CheckOption<&Settings::endpoint>);
  DefineText("neon_s3.public_endpoint", "Endpoint that clients reach: URLs are signed for it.",
             "Empty where it is the same as neon_s3.endpoint.", &settings.public_endpoint, "",
             CheckOption<&Settings::public_endpoint>);
  DefineText(
      "neon_s3.public_url_base", "What comes before the key in public URLs, such as a CDN's.",
      "http[s]://host[:port][/base]; the bucket is not added. Empty for the bucket's own URL. A "
      "server with its own bucket or endpoint has its own base or none.",
      &settings.public_url_base, "", CheckOption<&Settings::public_url_base>);
  DefineCustomEnumVariable("neon_s3.addressing_style",
                           "Where the bucket stands in a URL: in the host or in the path.",
                           "virtual: in the host. path: in the path. auto: in the host at Amazon "
                           "S3, unless its name has a dot; else in the path.",
                           /*valueAddr=*/&addressing_style,
                           /*bootValue=*/static_cast<int>(AddressingStyle::kAuto),
                           /*options=*/kAddressingStyles,
                           /*context=*/PGC_SUSET,
                           /*flags=*/0,
                           /*check_hook=*/CheckAddressingStyle,
                           /*assign_hook=*/AssignAddressingStyle,
                           /*show_hook=*/nullptr);
}

void DefineCallSettings() {
  DefineText("neon_s3.files_table",
             "Table of the files' metadata, looked up along the search_path.",
             "s3_save_metadata and the functions of uploads use it.", &settings.files_table,
             "s3_files", nullptr, PGC_USERSET);
  DefineText("neon_s3.server", "Foreign server for calls that name none.",
             "Empty for the settings neon_s3.* alone.", &settings.server, "", nullptr, PGC_USERSET);
  DefineSeconds("neon_s3.expires_in", "How long a presigned URL is good for by default.",
                &settings.expires_in, /*initial=*/300, PGC_USERSET);
  DefineSeconds("neon_s3.max_expires_in",
                "Longest expiry that roles without superuser may ask for.",
                &settings.max_expires_in, /*initial=*/kMaxExpiry, PGC_SUSET);
  DefineBoolean("neon_s3.log_urls", "Writes a line to the server's log for each URL signed.",
                "Role, function, method, bucket, key and expiry; never the URL or its signature.",
                &settings.log_urls);
}

}  // namespace

const Settings& CurrentSettings() { return settings; }

std::uint64_t SettingsGeneration() { return generation; }

void DefineSettings() {
  settings.is_preloaded = process_shared_preload_libraries_in_progress;
  DefineCredentialSettings();
  DefinePlaceSettings();
  DefineCallSettings();
  DefineRequestSettings();
  DefineLifecycleSettings();
  MarkGUCPrefixReserved("neon_s3");
}

}  // namespace neon_s3

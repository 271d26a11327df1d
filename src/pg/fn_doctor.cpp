// s3_doctor: the set-up tried out, with a hint for each thing that is wrong with it.
#include <cstdlib>
#include <ctime>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "core/bucket_config.h"
#include "core/cors.h"
#include "core/error.h"
#include "core/text.h"
#include "core/utc_time.h"
#include "net/endpoint_url.h"
#include "pg/fn_bucket.h"
#include "pg/resolve_target.h"
#include "pg/settings.h"
#include "pg/result.h"
#include "pg/session.h"

extern "C" {
#include "access/xact.h"
}

namespace neon_s3 {
namespace {

struct Finding {
  std::string check;
  std::optional<bool> ok;  // nothing: it was not tried, because of what failed before
  std::string detail, hint;
};

// Thrown by a check that can't tell.
struct NotKnown {
  std::string why;
};

constexpr std::int64_t kSkewToReport = 60;  // seconds; S3 refuses 15 minutes

const char* const kChecksOfServer[] = {"connection", "clock", "region", "bucket",
                                       "write",      "read",  "delete", "cors"};

class Doctor {
 public:
  // A probe is written only where that is allowed.
  Doctor(S3Call& call, std::string probe_key, bool may_write)
      : call_(call), probe_key_(std::move(probe_key)), may_write_(may_write) {}

  std::vector<Finding> Examine() {
    CheckSecrets();
    const bool is_set_up = CheckSettings();
    if (CheckCredentials() && is_set_up) AskTheServer();
    for (const char* check : kChecksOfServer) {
      if (!IsFound(check)) AddUnknown(check, "not tried");
    }
    return std::move(findings_);
  }

 private:
  void AskTheServer() {
    const bool is_reached = CheckConnection();
    CheckRegion(is_reached);
    if (!is_reached || !CheckBucket()) return;
    may_write_ ? CheckObjects() : LeaveObjectsAlone();
    CheckCors();
  }

  bool IsFound(std::string_view check) const {
    for (const Finding& finding : findings_) {
      if (finding.check == check) return true;
    }
    return false;
  }

  bool Add(const char* check, bool ok, std::string detail, std::string_view hint) {
    findings_.push_back(
        {check, ok, std::move(detail), std::string(ok ? std::string_view() : hint)});
    return ok;
  }

  void AddUnknown(const char* check, std::string why) {
    findings_.push_back({check, std::nullopt, std::move(why), {}});
  }

  // `body()` gives the detail of a check that went well; `hint` is for errors that come without
  // one. False for a failure. Only being told to stop is raised, and a lack of memory.
  template <typename Body>
  bool Try(const char* check, std::string_view hint, const Body& body) {
    try {
      return Add(check, true, body(), {});
    } catch (const NotKnown& unknown) {
      AddUnknown(check, "not known: " + unknown.why);
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      return Add(check, false, DescribeError(error), error.hint().empty() ? hint : error.hint());
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return Add(check, false, std::string("unexpected error: ") + error.what(), hint);
    }
  }

  // The same for what needs a permission.
  template <typename Body>
  bool TryAllowed(const char* check, const std::string& action, const Body& body) {
    const std::string hint = "Check that the policy of these credentials allows " + action + ".";
    return Try(check, hint, [&]() -> std::string {
      try {
        return body();
      } catch (const S3Error& error) {
        if (!IsDenied(error)) throw;
        throw Error(error.code(), error.what(), hint, error.detail());
      }
    });
  }

  static bool IsDenied(const S3Error& error) {
    return error.status() == 403 && error.code() == ErrorCode::kRefused;
  }

  void CheckSecrets() {
    const bool in_settings = *CurrentSettings().secret_access_key != '\0';
    if (!in_settings) {
      Add("secrets", true, "the settings have none", {});
      return;
    }
    Add("secrets", CurrentSettings().is_preloaded,
        CurrentSettings().is_preloaded
            ? "the settings have them, masked"
            : "sessions that have not used neon_s3 yet can read those of the settings",
        "Add neon_s3 to shared_preload_libraries, or use a credentials file.");
  }

  bool CheckSettings() {
    return Try("settings", "Set neon_s3.bucket, or the server's options.", [&] {
      return "bucket " + std::string(call_.bucket()) + DescribeLocation(call_.target());
    });
  }

  // Where region and endpoint come from is said where they are not set in neon_s3.
  static std::string DescribeLocation(const Target& target) {
    const Location location = Session::Get().Locate(target, Reach::kServer);
    const StandardConfig& config = Session::Get().Configuration(target);
    const auto origin = [](std::string_view set, const ConfigValue& configured) {
      return set.empty() && configured.is_set() ? " (" + configured.source + ")" : std::string();
    };
    const bool is_plain = target.endpoint.empty() && !config.endpoint.is_set() &&
                          !config.use_fips.is_true() && !config.use_dualstack.is_true();
    return ", region " + location.region + origin(target.region, config.region) + ", endpoint " +
           (is_plain ? "Amazon S3" : location.endpoint.url()) +
           origin(target.endpoint, config.endpoint);
  }

  bool CheckCredentials() {
    return Try("credentials",
               "Set neon_s3.access_key_id and neon_s3.secret_access_key, or another provider of "
               "neon_s3.credential_providers.",
               [&] {
                 const Destination& found = Session::Get().Resolve(call_.target(), Reach::kServer);
                 ClampExpiry(found, 0, std::time(nullptr));
                 return "from provider " + std::string(ProviderName(found.provider));
               });
  }

  // Whatever S3 answers shows that it can be reached, and what time it has.
  bool CheckConnection() {
    std::string date;
    const bool is_reached =
        Try("connection", "Check neon_s3.endpoint, and that this server may reach it.",
            [&]() -> std::string {
              service_ = MakeService(call_.target());
              s3_ = &call_.BeginAt(service_, MakeLimits());
              try {
                const HttpResponse response = s3_->Call(HeadBucket(call_.bucket()));
                date = response.Header("date");
                bucket_region_ = response.Header("x-amz-bucket-region");
                return "answers";
              } catch (const S3Error& error) {
                if (error.status() == 0) throw;
                date = error.date();
                bucket_error_ = error;
                return "answers with HTTP status " + std::to_string(error.status());
              }
            });
    if (!is_reached) return false;
    CheckClock(date);
    return true;
  }

  void CheckClock(const std::string& date) {
    const auto server_time = ParseHttpDate(date);
    if (!server_time) return;
    const std::int64_t skew = std::time(nullptr) - *server_time;
    const bool is_corrected = s3_->clock_offset() != 0;
    Add("clock", std::abs(skew) <= kSkewToReport,
        std::to_string(skew) + " seconds ahead of the S3 server's" +
            (is_corrected ? "; requests are signed with the S3 server's time, URLs are not" : ""),
        "Synchronise this server's clock (NTP): S3 refuses requests that are 15 minutes off, and "
        "URLs expire by it.");
  }

  // The region that a host names is the one to sign for. Not every server says where a bucket is;
  // then it takes our region.
  void CheckRegion(bool is_reached) {
    Try("region", "Check neon_s3.endpoint and neon_s3.public_endpoint.", [&]() -> std::string {
      for (const std::string& host : Hosts()) {
        const std::string named(RegionInHost(host));
        if (!named.empty()) RequireRegion(named, host + " is in " + named);
      }
      if (!is_reached) throw NotKnown{"no server was reached"};
      if (bucket_error_) throw NotKnown{"HeadBucket was refused"};
      if (bucket_region_.empty()) return "requests signed for " + service_.region + " are accepted";
      RequireRegion(bucket_region_, "the bucket is in " + bucket_region_);
      return "the bucket is in " + bucket_region_;
    });
  }

  void RequireRegion(const std::string& region, const std::string& what_is_where) const {
    if (region == service_.region) return;
    throw Error(ErrorCode::kBadArgument,
                what_is_where + ", requests are signed for " + service_.region,
                "Set neon_s3.region, or the server's option region, to " + region + ".");
  }

  std::vector<std::string> Hosts() const {
    std::vector<std::string> hosts = {service_.endpoint.host};
    const std::string_view clients = call_.target().public_endpoint;
    if (!clients.empty()) hosts.push_back(S3Endpoint(clients, service_.region).host);
    return hosts;
  }

  // A policy may let these credentials use the objects of a bucket that they may not look at.
  bool CheckBucket() {
    return Try("bucket",
               "Check its name and region, and whether the credentials may use it; s3_setup_bucket "
               "makes a new one.",
               [&]() -> std::string {
                 if (bucket_error_) AskForTheReason();
                 return "exists";
               });
  }

  // A reply to HEAD gives none.
  void AskForTheReason() {
    try {
      s3_->Call(ListObjects(call_.bucket(), {}));
    } catch (const S3Error& error) {
      if (IsDenied(error)) throw NotKnown{"these credentials may not list it"};
      throw;
    }
  }

  void LeaveObjectsAlone() {
    for (const char* check : {"write", "read", "delete"}) {
      AddUnknown(check, "not tried: the transaction is read-only");
    }
  }

  void CheckObjects() {
    const std::string_view bucket = call_.bucket();
    constexpr std::string_view kBody = "written by s3_doctor";
    std::string version;
    const bool is_written = TryAllowed("write", "s3:PutObject", [&] {
      version =
          ParseWrittenObject(s3_->Call(PutObject(bucket, probe_key_, kBody, {}, true))).version_id;
      return "object " + probe_key_;
    });
    if (!is_written) return;
    std::string retained_until;
    TryAllowed("read", "s3:GetObject", [&]() -> std::string {
      const HttpResponse response = s3_->Call(GetObject(bucket, probe_key_));
      retained_until = response.Header("x-amz-object-lock-retain-until-date");
      if (response.body == kBody) return "the same bytes";
      throw Error(ErrorCode::kMalformedReply, "other bytes came back than were written");
    });
    TryAllowed("delete", "s3:DeleteObject, or the probe stays", [&] {
      const WrittenObject marker = ParseWrittenObject(s3_->Call(DeleteObject(bucket, probe_key_)));
      const std::string what_stays = RemoveVersions(version, marker.version_id, retained_until);
      return "object " + probe_key_ + what_stays;
    });
  }

  // In a versioned bucket a deletion only adds a marker. Returns what to say about a version that
  // can't go; then its marker stays, too, to hide it.
  std::string RemoveVersions(const std::string& version, const std::string& marker,
                             const std::string& retained_until) {
    if (marker.empty()) return {};
    if (!retained_until.empty()) {
      return "; its version stays until " + retained_until + ", as object lock wants it";
    }
    try {
      if (!version.empty()) s3_->Call(DeleteObject(call_.bucket(), probe_key_, version));
      s3_->Call(DeleteObject(call_.bucket(), probe_key_, marker));
      return version.empty() ? "" : ", with its version";
    } catch (const S3Error& error) {
      if (!IsDenied(error)) throw;
      return "; its version stays: deleting versions is denied";
    }
  }

  void CheckCors() {
    Try("cors", "Check the CORS rules: s3_get_bucket_cors.", [&]() -> std::string {
      const auto rules = GetRules();
      if (!rules) {
        throw Error(ErrorCode::kNotFound,
                    "the bucket has no CORS rules: browsers cannot use presigned URLs",
                    "Set them with s3_setup_bucket or s3_put_bucket_cors.");
      }
      const std::string origin = OriginThatMayPut(BucketConfigJson(BucketConfig::kCors, *rules));
      Preflight(origin);
      return "a preflight for PUT from " + origin + " passes";
    });
  }

  std::optional<std::string> GetRules() {
    try {
      return GetConfig(call_.bucket(), BucketConfig::kCors, *s3_);
    } catch (const S3Error& error) {
      if (IsDenied(error)) throw NotKnown{"these credentials may not read the CORS rules"};
      if (error.code() == ErrorCode::kUnsupported) throw NotKnown{"the server does not tell them"};
      throw;
    }
  }

  // As a browser sends it: unsigned.
  void Preflight(const std::string& origin) {
    service_.is_anonymous = true;
    S3Client& s3 = call_.BeginAt(service_, MakeLimits());
    std::string_view refusal = "is not answered as a browser wants it";
    try {
      const HttpResponse response =
          s3.Call(PreflightObject(call_.bucket(), probe_key_, origin, "PUT"));
      const std::string_view allowed = response.Header("access-control-allow-origin");
      const std::string headers = LowerCase(response.Header("access-control-allow-headers"));
      const bool takes_type = headers == "*" || headers.find("content-type") != std::string::npos;
      if ((allowed == origin || allowed == "*") && takes_type) return;
    } catch (const S3Error& error) {
      if (!IsDenied(error)) throw;
      refusal = "is refused";
    }
    throw Error(
        ErrorCode::kRefused,
        "a preflight for PUT from " + origin + " with a content type " + std::string(refusal),
        "A rule for PUT needs \"*\" or \"content-type\" in AllowedHeaders; see "
        "s3_get_bucket_cors.");
  }

  S3Call& call_;
  const std::string probe_key_;
  const bool may_write_;
  // From CheckConnection() on:
  S3Service service_;
  S3Client* s3_ = nullptr;
  std::string bucket_region_;
  std::optional<S3Error> bucket_error_;
  std::vector<Finding> findings_;
};

}  // namespace

NEON_S3_FUNCTION(neon_s3_doctor);
Datum neon_s3_doctor(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  BeginRows(fcinfo);
  const std::string_view uuid = RandomUuid();
  const bool may_write = !XactReadOnly;  // in particular on a standby

  S3Call& call = S3Call::Begin(Operation::kDoctor, {}, target);
  auto& findings = Owned<std::vector<Finding>>();
  Guard([&] {
    const WaitEvent wait;
    Doctor doctor(call, std::string("neon_s3-doctor-").append(uuid), may_write);
    findings = doctor.Examine();
  });
  for (const Finding& finding : findings) {
    Row row;
    row.Text(finding.check);
    finding.ok ? row.Boolean(*finding.ok) : row.Null();
    // They quote what others wrote: rules, replies.
    row.Add(LossyTextDatum(finding.detail), false);
    row.Add(finding.hint.empty() ? 0 : LossyTextDatum(finding.hint), finding.hint.empty());
    row.Put(fcinfo);
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

// s3_doctor: the set-up tried out, with a hint for each thing that is wrong with it.
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/bucket_config.h"
#include "core/error.h"
#include "core/utc_time.h"
#include "pg/backend_state.h"
#include "pg/fn_bucket.h"
#include "pg/guc.h"
#include "pg/result.h"
#include "pg/sign.h"

namespace neon_s3 {
namespace {

struct Finding {
  std::string check;
  std::optional<bool> ok;  // nothing: it was not tried, because of what failed before
  std::string detail, hint;
};

constexpr std::int64_t kSkewToReport = 60;  // seconds; S3 refuses 15 minutes

const char* const kChecksOfServer[] = {"connection", "clock", "region", "bucket",
                                       "write",      "read",  "delete", "cors"};

class Doctor {
 public:
  Doctor(S3Call& call, std::string probe_key) : call_(call), probe_key_(std::move(probe_key)) {}

  std::vector<Finding> Examine() {
    CheckSecrets();
    const bool is_set_up = CheckSettings();
    if (CheckCredentials() && is_set_up && CheckConnection() && CheckBucket()) {
      CheckRegion();
      CheckObjects();
      CheckCors();
    }
    for (const char* check : kChecksOfServer) {
      if (!IsFound(check)) findings_.push_back({check, std::nullopt, "not tried", {}});
    }
    return std::move(findings_);
  }

 private:
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

  // `body()` gives the detail of a check that went well; `hint` is for errors that come without
  // one. Only being told to stop is raised.
  template <typename Body>
  bool Try(const char* check, std::string_view hint, const Body& body) {
    try {
      return Add(check, true, body(), {});
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      return Add(check, false, DescribeError(error), error.hint().empty() ? hint : error.hint());
    }
  }

  void CheckSecrets() {
    const bool in_settings = !StaticCredentials().secret_access_key.empty();
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
      const Target& target = call_.target();
      const std::string bucket(call_.bucket());
      const std::string endpoint(target.endpoint.empty() ? "Amazon S3" : target.endpoint);
      return "bucket " + bucket + ", region " + std::string(target.region) + ", endpoint " +
             endpoint;
    });
  }

  bool CheckCredentials() {
    return Try("credentials",
               "Set neon_s3.access_key_id and neon_s3.secret_access_key, or another provider of "
               "neon_s3.credential_providers.",
               [&] {
                 const Validity found =
                     FindCredentials(BackendState::Get(), call_.target(), 0, std::time(nullptr));
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
              s3_ = &call_.Begin(service_, MakeLimits());
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
    Add("clock", std::abs(skew) <= kSkewToReport,
        std::to_string(skew) + " seconds ahead of the S3 server's",
        "Synchronise this server's clock (NTP): S3 refuses requests that are 15 minutes off, and "
        "URLs expire by it.");
  }

  // Not every server says where a bucket is; then it takes our region.
  void CheckRegion() {
    const std::string& ours = service_.region;
    const std::string& theirs = bucket_region_;
    Add("region", theirs.empty() || theirs == ours,
        theirs.empty() ? "requests signed for " + ours + " are accepted"
                       : "the bucket is in " + theirs + ", requests are signed for " + ours,
        "Set neon_s3.region, or the server's option region, to " + theirs + ".");
  }

  bool CheckBucket() {
    return Try("bucket",
               "Check its name and region, and whether the credentials may use it; s3_setup_bucket "
               "makes a new one.",
               [&]() -> std::string {
                 if (bucket_error_) throw *bucket_error_;
                 return "exists";
               });
  }

  void CheckObjects() {
    const std::string_view bucket = call_.bucket();
    constexpr std::string_view kBody = "written by s3_doctor";
    const bool is_written =
        Try("write", "Check what the policy of these credentials allows: s3:PutObject.", [&] {
          s3_->Call(PutObject(bucket, probe_key_, kBody, {}, true));
          return "object " + probe_key_;
        });
    if (!is_written) return;
    Try("read", "Check what the policy of these credentials allows: s3:GetObject.",
        [&]() -> std::string {
          if (s3_->Call(GetObject(bucket, probe_key_)).body == kBody) return "the same bytes";
          throw Error(ErrorCode::kMalformedReply, "other bytes came back than were written");
        });
    Try("delete",
        "Check what the policy of these credentials allows: s3:DeleteObject. The probe is still "
        "there.",
        [&] {
          s3_->Call(DeleteObject(bucket, probe_key_));
          return "object " + probe_key_;
        });
  }

  void CheckCors() {
    Try("cors", "Check the CORS rules: s3_get_bucket_cors.", [&]() -> std::string {
      const auto rules = GetConfig(call_.bucket(), BucketConfig::kCors, *s3_);
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

  static std::string OriginThatMayPut(const std::string& json) {
    for (const auto& rule : nlohmann::json::parse(json)) {
      for (const auto& method : rule["AllowedMethods"]) {
        if (method != "PUT") continue;
        std::string origin = rule["AllowedOrigins"].at(0);
        const std::size_t star = origin.find('*');
        if (star != std::string::npos)
          origin.replace(star, 1, star == 0 ? "https://example.com" : "example");
        return origin;
      }
    }
    throw Error(ErrorCode::kRefused, "no CORS rule allows PUT", "Browsers need one to upload.");
  }

  // As a browser sends it: nobody signs it.
  void Preflight(const std::string& origin) {
    service_.is_anonymous = true;
    S3Client& s3 = call_.Begin(service_, MakeLimits());
    const HttpResponse response =
        s3.Call(PreflightObject(call_.bucket(), probe_key_, origin, "PUT"));
    const std::string_view allowed = response.Header("access-control-allow-origin");
    if (allowed == origin || allowed == "*") return;
    throw Error(ErrorCode::kRefused,
                "a preflight for PUT from " + origin + " is not answered as a browser wants it",
                "Check the CORS rules: s3_get_bucket_cors.");
  }

  S3Call& call_;
  const std::string probe_key_;
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

  const std::vector<Finding>* findings;
  S3Call call(Operation::kDoctor, {}, target);
  Guard([&] {
    Doctor doctor(call, std::string("neon_s3-doctor-").append(uuid));
    findings = &call.Keep(doctor.Examine());
  });
  for (const Finding& finding : *findings) {
    Row row;
    row.Text(finding.check);
    finding.ok ? row.Boolean(*finding.ok) : row.Null();
    row.Text(finding.detail);
    row.TextOrNull(finding.hint);
    row.Put(fcinfo);
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

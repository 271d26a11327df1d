// s3_create_bucket, s3_delete_bucket, s3_bucket_exists; what is configured for a bucket: CORS,
// policy, public access block, lifecycle, versioning; and s3_setup_bucket, which does the guide's
// steps.
#include "pg/fn_bucket.h"
#include "pg/resolve_target.h"

#include <utility>
#include <vector>

#include "core/bucket_setup.h"
#include "core/cors.h"
#include "core/error.h"
#include "pg/result.h"
#include "pg/session.h"

namespace neon_s3 {
namespace {

// One request about the target's bucket.
template <typename MakeRequest>
Datum Send(Operation operation, const Target& target, const MakeRequest& make_request) {
  S3Call& call = S3Call::Begin(operation, {}, target);
  call.Run([&](S3Client& s3) { s3.Call(make_request(call.bucket())); });
  call.Finish();
  return static_cast<Datum>(0);
}

Datum Put(FunctionCallInfo fcinfo, Operation operation, BucketConfig config) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText json = args.JsonText();
  return Send(operation, ReadTarget(args), [&](std::string_view bucket) {
    return PutBucketConfig(bucket, config, BucketConfigDocument(config, *json));
  });
}

// NULL where nothing is configured.
Datum Get(FunctionCallInfo fcinfo, Operation operation, BucketConfig config) {
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  S3Call& call = S3Call::Begin(operation, {}, target);
  auto& json = Owned<std::optional<std::string>>();
  call.Run([&](S3Client& s3) {
    json = GetConfig(call.bucket(), config, s3);
    if (json) json = BucketConfigJson(config, *json);
  });
  const bool is_null = !json;
  const Datum result = is_null ? 0 : JsonbDatum(*json);
  call.Finish();
  if (is_null) PG_RETURN_NULL();
  return result;
}

Datum Delete(FunctionCallInfo fcinfo, Operation operation, BucketConfig config) {
  ArgReader args(fcinfo);
  return Send(operation, ReadTarget(args),
              [&](std::string_view bucket) { return DeleteBucketConfig(bucket, config); });
}

// True for the buckets of others too.
bool BucketExists(std::string_view bucket, S3Client& s3) {
  try {
    return Exists(s3, HeadBucket(bucket));
  } catch (const S3Error& error) {
    if (error.status() != 403 || error.code() == ErrorCode::kNoCredentials) throw;
    return true;  // it exists, and is not ours to read
  }
}

S3Request CreateBucketAt(const S3Service& service, std::string_view bucket) {
  return CreateBucket(bucket, service.region, service.endpoint.is_aws());
}

struct Step {
  std::string name;
  bool done;
  std::string detail;
};

// The steps that the guide takes in Amazon's console.
class Setup {
 public:
  Setup(const S3Call& call, S3Client& s3)
      : service_(MakeService(call.target())), bucket_(call.bucket()), s3_(s3) {}

  std::vector<Step> Take(const TextArgs& origins, bool public_read) {
    const bool exists = Try("bucket", [&] { return Create(); });
    if (!exists) return std::move(steps_);
    if (!origins.is_null) {
      Try("cors", [&] {
        return Put({BucketConfig::kCors, CorsRulesFor({origins.begin(), origins.end()})});
      });
    }
    Try("public_access_block", [&] {
      // To Ceph (16 at least) every upload is one with a public ACL.
      const bool block_acls = !public_read && service_.endpoint.is_aws();
      return Put({BucketConfig::kPublicAccessBlock, PublicAccessBlock(!public_read, block_acls)});
    });
    Try("lifecycle", [&] { return AddAbortRule(); });
    if (public_read) Try("policy", [&] { return LetEverybodyRead(); });
    return std::move(steps_);
  }

 private:
  struct Wanted {
    BucketConfig config;
    std::string json;
  };

  // `body()` gives the detail of a step that is done. Only being told to stop is raised.
  template <typename Body>
  bool Try(const char* name, const Body& body) {
    try {
      steps_.push_back({name, true, body()});
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      steps_.push_back({name, false, DescribeError(error)});
    }
    return steps_.back().done;
  }

  std::string Create() {
    if (BucketExists(bucket_, s3_)) return "exists already";
    s3_.Call(CreateBucketAt(service_, bucket_));
    return "created";
  }

  static bool IsPresent(const Wanted& wanted, const std::string& document) {
    return SameConfig(BucketConfigJson(wanted.config, document), wanted.json);
  }

  void Replace(const Wanted& wanted) {
    s3_.Call(
        PutBucketConfig(bucket_, wanted.config, BucketConfigDocument(wanted.config, wanted.json)));
  }

  std::string Put(const Wanted& wanted) {
    const auto present = GetConfig(bucket_, wanted.config, s3_);
    if (present && IsPresent(wanted, *present)) return "was so already";
    Replace(wanted);
    return present ? "replaced" : "set";
  }

  std::string AddAbortRule() {
    const auto present = GetConfig(bucket_, BucketConfig::kLifecycle, s3_);
    auto document = WithAbortRule(present.value_or(""));
    if (!document) return "a rule for incomplete uploads is there already";
    s3_.Call(PutBucketConfig(bucket_, BucketConfig::kLifecycle, std::move(*document)));
    return "uploads that are not complete after 7 days are aborted";
  }

  std::string LetEverybodyRead() {
    const Wanted wanted{BucketConfig::kPolicy,
                        PublicReadPolicy(AwsPartition(service_.region), bucket_)};
    const auto present = GetConfig(bucket_, wanted.config, s3_);
    if (present && IsPresent(wanted, *present)) return "was so already";
    if (present) {
      throw Error(ErrorCode::kRefused, "the bucket has another policy",
                  "Add the statement to it with s3_put_bucket_policy.");
    }
    Replace(wanted);
    return "everybody may read its objects";
  }

  const S3Service service_;
  const std::string_view bucket_;
  S3Client& s3_;
  std::vector<Step> steps_;
};

}  // namespace

std::optional<std::string> GetConfig(std::string_view bucket, BucketConfig config, S3Client& s3) {
  try {
    return std::string(std::string_view(s3.Call(GetBucketConfig(bucket, config)).body));
  } catch (const S3Error& error) {
    if (error.status() != 404 || error.s3_code() == "NoSuchBucket") throw;
    return std::nullopt;
  }
}

NEON_S3_FUNCTION(neon_s3_create_bucket);
Datum neon_s3_create_bucket(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  return Send(Operation::kCreateBucket, target,
              [&](std::string_view bucket) { return CreateBucketAt(MakeService(target), bucket); });
}

NEON_S3_FUNCTION(neon_s3_delete_bucket);
Datum neon_s3_delete_bucket(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  return Send(Operation::kDeleteBucket, ReadTarget(args), DeleteBucket);
}

NEON_S3_FUNCTION(neon_s3_bucket_exists);
Datum neon_s3_bucket_exists(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  bool exists;
  S3Call& call = S3Call::Begin(Operation::kBucketExists, {}, target);
  call.Run([&](S3Client& s3) { exists = BucketExists(call.bucket(), s3); });
  call.Finish();
  PG_RETURN_BOOL(exists);
}

NEON_S3_FUNCTION(neon_s3_put_bucket_cors);
Datum neon_s3_put_bucket_cors(PG_FUNCTION_ARGS) {
  return Put(fcinfo, Operation::kPutBucketCors, BucketConfig::kCors);
}

NEON_S3_FUNCTION(neon_s3_get_bucket_cors);
Datum neon_s3_get_bucket_cors(PG_FUNCTION_ARGS) {
  return Get(fcinfo, Operation::kGetBucketCors, BucketConfig::kCors);
}

NEON_S3_FUNCTION(neon_s3_delete_bucket_cors);
Datum neon_s3_delete_bucket_cors(PG_FUNCTION_ARGS) {
  return Delete(fcinfo, Operation::kDeleteBucketCors, BucketConfig::kCors);
}

NEON_S3_FUNCTION(neon_s3_put_bucket_policy);
Datum neon_s3_put_bucket_policy(PG_FUNCTION_ARGS) {
  return Put(fcinfo, Operation::kPutBucketPolicy, BucketConfig::kPolicy);
}

NEON_S3_FUNCTION(neon_s3_get_bucket_policy);
Datum neon_s3_get_bucket_policy(PG_FUNCTION_ARGS) {
  return Get(fcinfo, Operation::kGetBucketPolicy, BucketConfig::kPolicy);
}

NEON_S3_FUNCTION(neon_s3_delete_bucket_policy);
Datum neon_s3_delete_bucket_policy(PG_FUNCTION_ARGS) {
  return Delete(fcinfo, Operation::kDeleteBucketPolicy, BucketConfig::kPolicy);
}

NEON_S3_FUNCTION(neon_s3_put_public_access_block);
Datum neon_s3_put_public_access_block(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const bool block = args.Boolean(true);
  return Send(Operation::kPutPublicAccessBlock, ReadTarget(args), [&](std::string_view bucket) {
    constexpr BucketConfig kConfig = BucketConfig::kPublicAccessBlock;
    return PutBucketConfig(bucket, kConfig,
                           BucketConfigDocument(kConfig, PublicAccessBlock(block, block)));
  });
}

NEON_S3_FUNCTION(neon_s3_get_public_access_block);
Datum neon_s3_get_public_access_block(PG_FUNCTION_ARGS) {
  return Get(fcinfo, Operation::kGetPublicAccessBlock, BucketConfig::kPublicAccessBlock);
}

NEON_S3_FUNCTION(neon_s3_put_bucket_lifecycle);
Datum neon_s3_put_bucket_lifecycle(PG_FUNCTION_ARGS) {
  return Put(fcinfo, Operation::kPutBucketLifecycle, BucketConfig::kLifecycle);
}

NEON_S3_FUNCTION(neon_s3_get_bucket_lifecycle);
Datum neon_s3_get_bucket_lifecycle(PG_FUNCTION_ARGS) {
  return Get(fcinfo, Operation::kGetBucketLifecycle, BucketConfig::kLifecycle);
}

NEON_S3_FUNCTION(neon_s3_delete_bucket_lifecycle);
Datum neon_s3_delete_bucket_lifecycle(PG_FUNCTION_ARGS) {
  return Delete(fcinfo, Operation::kDeleteBucketLifecycle, BucketConfig::kLifecycle);
}

NEON_S3_FUNCTION(neon_s3_put_bucket_versioning);
Datum neon_s3_put_bucket_versioning(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const bool enabled = args.Boolean(true);
  return Send(Operation::kPutBucketVersioning, ReadTarget(args), [&](std::string_view bucket) {
    constexpr BucketConfig kConfig = BucketConfig::kVersioning;
    return PutBucketConfig(bucket, kConfig, BucketConfigDocument(kConfig, Versioning(enabled)));
  });
}

NEON_S3_FUNCTION(neon_s3_get_bucket_versioning);
Datum neon_s3_get_bucket_versioning(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  S3Call& call = S3Call::Begin(Operation::kGetBucketVersioning, {}, target);
  auto& status = Owned<std::string>();
  call.Run([&](S3Client& s3) {
    const auto document = GetConfig(call.bucket(), BucketConfig::kVersioning, s3);
    if (document) {
      status = VersioningStatus(BucketConfigJson(BucketConfig::kVersioning, *document));
    }
  });
  const bool is_null = status.empty();
  const Datum result = is_null ? 0 : TextDatum(status);
  call.Finish();
  if (is_null) PG_RETURN_NULL();
  return result;
}

NEON_S3_FUNCTION(neon_s3_setup_bucket);
Datum neon_s3_setup_bucket(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText bucket = args.Text();
  const TextArgs origins = args.Texts("allowed_origins");
  const bool public_read = args.Boolean(false);
  const Target target = ResolveTarget(bucket, args.ServerText());
  BeginRows(fcinfo);
  if (!bucket) PG_RETURN_NULL();
  Guard([&] {
    if (!origins.is_null)
      CorsRulesFor({origins.begin(), origins.end()});  // before anything is done
  });

  S3Call& call = S3Call::Begin(Operation::kSetupBucket, {}, target);
  auto& steps = Owned<std::vector<Step>>();
  call.Run([&](S3Client& s3) { steps = Setup(call, s3).Take(origins, public_read); });
  for (const Step& step : steps) {
    Row row;
    row.Text(step.name);
    row.Boolean(step.done);
    row.Text(step.detail);
    row.Put(fcinfo);
  }
  call.Finish();
  PG_RETURN_NULL();
}

}  // namespace neon_s3

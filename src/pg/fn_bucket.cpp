// s3_create_bucket, s3_delete_bucket, s3_bucket_exists, and what is configured for a bucket: CORS,
// policy, public access block, lifecycle.
#include <nlohmann/json.hpp>

#include "core/bucket_config.h"
#include "core/error.h"
#include "core/error_reply.h"
#include "pg/bucket.h"
#include "pg/result.h"

namespace neon_s3 {
namespace {

// One request about the target's bucket.
template <typename MakeRequest>
Datum Send(Operation operation, const Target& target, const MakeRequest& make_request) {
  S3Call call(operation, {}, target);
  call.Run([&](S3Client& s3) { s3.Call(make_request(call.bucket())); });
  call.Finish();
  return static_cast<Datum>(0);
}

Datum PutXml(FunctionCallInfo fcinfo, Operation operation, BucketConfig config,
             std::string_view subresource) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText json = args.JsonText();
  return Send(operation, ReadTarget(args), [&](std::string_view bucket) {
    return PutBucketConfig(bucket, subresource, BucketConfigToXml(config, *json));
  });
}

// `to_json(body)` makes JSON of the reply; NULL where nothing is configured.
template <typename ToJson>
Datum GetJson(FunctionCallInfo fcinfo, Operation operation, std::string_view subresource,
              const ToJson& to_json) {
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  const std::string* json = nullptr;
  S3Call call(operation, {}, target);
  call.Run([&](S3Client& s3) {
    const std::optional<std::string> document = GetConfig(call.bucket(), subresource, s3);
    if (document) json = &call.Keep<std::string>(to_json(*document));
  });
  const bool is_null = json == nullptr;
  const Datum result = is_null ? 0 : JsonbDatum(*json);
  call.Finish();
  if (is_null) PG_RETURN_NULL();
  return result;
}

Datum GetXml(FunctionCallInfo fcinfo, Operation operation, BucketConfig config,
             std::string_view subresource) {
  return GetJson(fcinfo, operation, subresource,
                 [&](const std::string& xml) { return BucketConfigToJson(config, xml); });
}

Datum Delete(FunctionCallInfo fcinfo, Operation operation, std::string_view subresource) {
  ArgReader args(fcinfo);
  return Send(operation, ReadTarget(args),
              [&](std::string_view bucket) { return DeleteBucketConfig(bucket, subresource); });
}

}  // namespace

std::optional<std::string> GetConfig(std::string_view bucket, std::string_view subresource,
                                     S3Client& s3) {
  try {
    return std::string(std::string_view(s3.Call(GetBucketConfig(bucket, subresource)).body));
  } catch (const S3Error& error) {
    if (error.status() != 404 || error.s3_code() == "NoSuchBucket") throw;
    return std::nullopt;
  }
}

bool BucketExists(std::string_view bucket, S3Client& s3) {
  try {
    return Exists(s3, HeadBucket(bucket));
  } catch (const S3Error& error) {
    if (error.status() != 403 || error.code() == ErrorCode::kNoCredentials) throw;
    return true;  // somebody's who doesn't let us in
  }
}

S3Request CreateBucketAt(const Target& target, std::string_view bucket) {
  const bool is_aws = target.endpoint.empty();
  return CreateBucket(bucket, target.region, is_aws);
}

std::string PublicAccessBlockXml(bool block, bool block_acls) {
  const nlohmann::json switches = {{"BlockPublicAcls", block_acls},
                                   {"IgnorePublicAcls", block},
                                   {"BlockPublicPolicy", block},
                                   {"RestrictPublicBuckets", block}};
  return BucketConfigToXml(BucketConfig::kPublicAccessBlock, switches.dump());
}

NEON_S3_FUNCTION(neon_s3_create_bucket);
Datum neon_s3_create_bucket(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const Target target = ReadTarget(args);
  return Send(Operation::kCreateBucket, target,
              [&](std::string_view bucket) { return CreateBucketAt(target, bucket); });
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
  S3Call call(Operation::kBucketExists, {}, target);
  call.Run([&](S3Client& s3) { exists = BucketExists(call.bucket(), s3); });
  call.Finish();
  PG_RETURN_BOOL(exists);
}

NEON_S3_FUNCTION(neon_s3_put_bucket_cors);
Datum neon_s3_put_bucket_cors(PG_FUNCTION_ARGS) {
  return PutXml(fcinfo, Operation::kPutBucketCors, BucketConfig::kCors, "cors");
}

NEON_S3_FUNCTION(neon_s3_get_bucket_cors);
Datum neon_s3_get_bucket_cors(PG_FUNCTION_ARGS) {
  return GetXml(fcinfo, Operation::kGetBucketCors, BucketConfig::kCors, "cors");
}

NEON_S3_FUNCTION(neon_s3_delete_bucket_cors);
Datum neon_s3_delete_bucket_cors(PG_FUNCTION_ARGS) {
  return Delete(fcinfo, Operation::kDeleteBucketCors, "cors");
}

NEON_S3_FUNCTION(neon_s3_put_bucket_policy);
Datum neon_s3_put_bucket_policy(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  if (!JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(0))) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("policy must be a JSON object")));
  }
  const OptionalText policy = args.JsonText();
  return Send(Operation::kPutBucketPolicy, ReadTarget(args), [&](std::string_view bucket) {
    return PutBucketConfig(bucket, "policy", std::string(*policy));
  });
}

NEON_S3_FUNCTION(neon_s3_get_bucket_policy);
Datum neon_s3_get_bucket_policy(PG_FUNCTION_ARGS) {
  return GetJson(fcinfo, Operation::kGetBucketPolicy, "policy", [](const std::string& json) {
    if (nlohmann::json::accept(json)) return json;
    RaiseMalformedReply("The policy is no JSON.");
  });
}

NEON_S3_FUNCTION(neon_s3_delete_bucket_policy);
Datum neon_s3_delete_bucket_policy(PG_FUNCTION_ARGS) {
  return Delete(fcinfo, Operation::kDeleteBucketPolicy, "policy");
}

NEON_S3_FUNCTION(neon_s3_put_public_access_block);
Datum neon_s3_put_public_access_block(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const bool block = args.Boolean(true);
  return Send(Operation::kPutPublicAccessBlock, ReadTarget(args), [&](std::string_view bucket) {
    return PutBucketConfig(bucket, "publicAccessBlock", PublicAccessBlockXml(block, block));
  });
}

NEON_S3_FUNCTION(neon_s3_get_public_access_block);
Datum neon_s3_get_public_access_block(PG_FUNCTION_ARGS) {
  return GetXml(fcinfo, Operation::kGetPublicAccessBlock, BucketConfig::kPublicAccessBlock,
                "publicAccessBlock");
}

NEON_S3_FUNCTION(neon_s3_put_bucket_lifecycle);
Datum neon_s3_put_bucket_lifecycle(PG_FUNCTION_ARGS) {
  return PutXml(fcinfo, Operation::kPutBucketLifecycle, BucketConfig::kLifecycle, "lifecycle");
}

NEON_S3_FUNCTION(neon_s3_get_bucket_lifecycle);
Datum neon_s3_get_bucket_lifecycle(PG_FUNCTION_ARGS) {
  return GetXml(fcinfo, Operation::kGetBucketLifecycle, BucketConfig::kLifecycle, "lifecycle");
}

}  // namespace neon_s3

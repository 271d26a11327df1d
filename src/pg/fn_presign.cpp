// s3_presign_get, _put, _head, _delete, _upload_part, s3_presign, s3_presign_explain,
// s3_public_url.
#include "core/content_disposition.h"
#include "core/object_key.h"
#include "core/upload_headers.h"
#include "pg/boundary.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/session.h"

namespace neon_s3 {
namespace {

// <target> and <request>, which end the argument lists.
struct RequestArgs {
  Target target;
  FieldArgs query;
  FieldArgs headers;
  std::int64_t signed_at;
};

RequestArgs ReadRequest(ArgReader& args) {
  RequestArgs request;
  request.target = ReadTarget(args);
  request.query = args.Fields("query");
  request.headers = args.Fields("headers");
  request.signed_at = ToUnixSeconds(args.SignedAt());
  return request;
}

Datum ReportedUrlDatum(const SignedUrl& url) {
  ReportSigned(url.expiry);
  return UrlDatum(url.presigned);
}

// s3_presign_get, _head and _delete; only the first has download_as.
Datum PresignExisting(FunctionCallInfo fcinfo, Operation operation, std::string_view method) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const bool has_download_as = operation == Operation::kPresignGet;
  const OptionalText download_as = has_download_as ? args.Text() : std::nullopt;
  const OptionalText version_id = args.Text();
  const RequestArgs request = ReadRequest(args);

  SignedUrl url;
  Guard([&] {
    Session& session = Session::Get();
    PresignRequest& presign = session.NewRequest(request.query, request.headers);
    if (download_as) {
      AddQueryParameter("response-content-disposition", AttachmentDisposition(*download_as),
                        &presign.query);
    }
    if (version_id) AddQueryParameter("versionId", *version_id, &presign.query);
    url = session.Sign(&presign,
                       {operation, method, key, &request.target, expires_in, request.signed_at});
  });
  return ReportedUrlDatum(url);
}

void AddPart(std::string_view upload_id, std::int32_t part_number, QueryParameters* query) {
  if (part_number < 1 || part_number > 10000) {
    throw Error(ErrorCode::kBadArgument,
                "part_number " + std::to_string(part_number) + " is not between 1 and 10000");
  }
  if (upload_id.empty()) throw Error(ErrorCode::kBadArgument, "upload_id is empty");
  AddQueryParameter("partNumber", std::to_string(part_number), query);
  AddQueryParameter("uploadId", upload_id, query);
}

// s3_presign and s3_presign_explain. False where the result is NULL.
bool PresignAny(FunctionCallInfo fcinfo, Operation operation, SignedUrl* url) {
  if (PG_ARGISNULL(0)) return false;
  ArgReader args(fcinfo);
  const OptionalText method = args.Text();
  const OptionalText key = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const RequestArgs request = ReadRequest(args);
  // Only an operation named in the query addresses the bucket itself, so that a NULL that comes out
  // of a join never turns into the URL of a listing.
  if (!key && request.query.count == 0) return false;

  Guard([&] {
    Session& session = Session::Get();
    const std::string_view upper_case = ParseMethod(*method);
    PresignRequest& presign = session.NewRequest(request.query, request.headers);
    *url = session.Sign(
        &presign, {operation, upper_case, key, &request.target, expires_in, request.signed_at});
  });
  ReportSigned(url->expiry);
  return true;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_presign_get);
Datum neon_s3_presign_get(PG_FUNCTION_ARGS) {
  return PresignExisting(fcinfo, Operation::kPresignGet, "GET");
}

NEON_S3_FUNCTION(neon_s3_presign_head);
Datum neon_s3_presign_head(PG_FUNCTION_ARGS) {
  return PresignExisting(fcinfo, Operation::kPresignHead, "HEAD");
}

NEON_S3_FUNCTION(neon_s3_presign_delete);
Datum neon_s3_presign_delete(PG_FUNCTION_ARGS) {
  return PresignExisting(fcinfo, Operation::kPresignDelete, "DELETE");
}

NEON_S3_FUNCTION(neon_s3_presign_put);
Datum neon_s3_presign_put(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  UploadConstraints constraints;
  constraints.content_type = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  constraints.content_length = args.BigInt();
  constraints.checksum_sha256 = args.Bytes();
  constraints.overwrite = args.Boolean(true);
  const RequestArgs request = ReadRequest(args);

  SignedUrl url;
  Guard([&] {
    Session& session = Session::Get();
    PresignRequest& presign = session.NewRequest(request.query, request.headers);
    UploadHeaders(constraints).AddTo(&presign.headers);
    url = session.Sign(&presign, {Operation::kPresignPut, "PUT", key, &request.target, expires_in,
                                  request.signed_at});
  });
  return ReportedUrlDatum(url);
}

NEON_S3_FUNCTION(neon_s3_presign_upload_part);
Datum neon_s3_presign_upload_part(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const OptionalText upload_id = args.Text();
  const std::int32_t part_number = *args.Integer();
  const std::int64_t expires_in = args.ExpiresIn();
  const RequestArgs request = ReadRequest(args);

  SignedUrl url;
  Guard([&] {
    Session& session = Session::Get();
    PresignRequest& presign = session.NewRequest(request.query, request.headers);
    AddPart(*upload_id, part_number, &presign.query);
    url = session.Sign(&presign, {Operation::kPresignUploadPart, "PUT", key, &request.target,
                                  expires_in, request.signed_at});
  });
  return ReportedUrlDatum(url);
}

NEON_S3_FUNCTION(neon_s3_presign);
Datum neon_s3_presign(PG_FUNCTION_ARGS) {
  SignedUrl url;
  if (!PresignAny(fcinfo, Operation::kPresign, &url)) PG_RETURN_NULL();
  return UrlDatum(url.presigned);
}

NEON_S3_FUNCTION(neon_s3_presign_explain);
Datum neon_s3_presign_explain(PG_FUNCTION_ARGS) {
  SignedUrl url;
  if (!PresignAny(fcinfo, Operation::kPresignExplain, &url)) PG_RETURN_NULL();
  const PresignedUrl& presigned = url.presigned;
  Datum values[] = {UrlDatum(presigned), TextDatum(presigned.canonical_request),
                    TextDatum(presigned.string_to_sign), TextDatum(presigned.credential_scope),
                    TextDatum(presigned.signature)};
  bool nulls[lengthof(values)] = {};
  return RowDatum(fcinfo, values, nulls);
}

NEON_S3_FUNCTION(neon_s3_public_url);
Datum neon_s3_public_url(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const Target target = ReadTarget(args);

  auto& url = Owned<std::string>();
  Guard([&] {
    ValidateObjectKey(*key);
    AppendPublicUrl(target, nullptr, *key, &url);
  });
  return TextDatum(url);
}

}  // namespace neon_s3

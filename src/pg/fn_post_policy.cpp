// s3_presign_post.
#include "core/post_policy.h"
#include "core/upload_headers.h"
#include "pg/boundary.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/session.h"
#include "pg/signed_log.h"

namespace neon_s3 {

NEON_S3_FUNCTION(neon_s3_presign_post);
Datum neon_s3_presign_post(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  const std::int64_t expires_in = args.ExpiresIn();
  const OptionalText content_type = args.Text();
  const std::optional<std::int64_t> min_length = args.BigInt();
  const std::optional<std::int64_t> max_length = args.BigInt();
  const FieldArgs fields = args.Fields("fields");
  const OptionalText conditions = args.JsonText();
  const Target target = ReadTarget(args);
  const std::int64_t signed_at = ToUnixSeconds(args.SignedAt());

  Expiry expiry;
  auto& form = Owned<PostForm>();
  Guard([&] {
    Session& session = Session::Get();
    const Destination& destination = session.Resolve(target, Reach::kClient);
    expiry = ClampExpiry(destination, expires_in, signed_at);
    PostPolicyRequest request;
    request.address = &destination.address;
    request.region = destination.region;
    request.bucket = destination.bucket;
    request.key = *key;
    request.expires_in = expiry.seconds;
    request.signed_at = signed_at;
    PostPolicy policy(request, destination.credentials);
    if (content_type) {
      ValidateContentType(*content_type);
      policy.AddField("Content-Type", *content_type);
    }
    if (min_length || max_length) policy.AddLengthRange(min_length, max_length);
    for (const FieldArg& field : fields) policy.AddField(field.name, field.value);
    if (conditions) policy.AddConditions(*conditions);
    form = policy.Sign(destination.credentials.secret_access_key, session.signer());
    NoteSigned(
        {Operation::kPresignPost, "POST", destination.bucket, *key, signed_at + expiry.seconds});
  });
  ReportSigned(expiry);
  Datum values[] = {TextDatum(form.url), JsonbDatum(form.fields)};
  bool nulls[lengthof(values)] = {};
  return RowDatum(fcinfo, values, nulls);
}

}  // namespace neon_s3

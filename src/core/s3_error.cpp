#include "core/s3_error.h"

#include <algorithm>

#include "core/bucket_config.h"
#include "core/caller_headers.h"
#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/error_reply.h"
#include "core/safe_words.h"
#include "core/text.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kRegionHint =
    "Check the region: the bucket is in another one, or the endpoint expects another name for it.";
constexpr std::string_view kDeniedHint =
    "Check the policy of the credentials, the bucket's policy and its public access block. Without "
    "s3:ListBucket, S3 denies objects that do not exist, too.";
constexpr std::string_view kVersionDeniedHint =
    "Object lock keeps a version until its retention or legal hold ends; else check that the "
    "policy "
    "of the credentials allows s3:DeleteObjectVersion.";
constexpr std::string_view kKeyHint = "Check the access key id and the endpoint it belongs to.";
constexpr std::string_view kTokenHint = "Renew the credentials; session_token belongs to them.";
constexpr std::string_view kBusyHint = "Try again later.";
constexpr std::string_view kHeadHint =
    "A reply to HEAD gives no reason: check the region, the session token and the server's clock.";
constexpr std::string_view kHeadDeniedHint =
    "A reply to HEAD gives no reason: check the credentials and their policy, the bucket's policy "
    "and its public access block. Without s3:ListBucket, S3 denies objects that do not exist, too.";
constexpr std::string_view kSizeHint =
    "S3 takes up to 5 GiB at once, and 5 TiB in a multipart upload of parts of 5 MiB or more.";
constexpr std::string_view kUnsupportedHint = "The endpoint does not have this operation.";

// What a Code of S3's stands for, where that is not what its status says, and the likely cure.
struct Cause {
  std::string_view s3_code;
  std::optional<ErrorCode> error_code;
  std::string_view hint;
};
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
constexpr Cause kCauses[] = {
    {"AccessDenied", ErrorCode::kRefused, kDeniedHint},
    {"AllAccessDisabled", ErrorCode::kRefused, kDeniedHint},
    {"AuthorizationHeaderMalformed", ErrorCode::kRefused, kRegionHint},
    {"PermanentRedirect", ErrorCode::kRefused, kRegionHint},
    {"TemporaryRedirect", ErrorCode::kRefused, kRegionHint},
    {"Redirect", ErrorCode::kRefused, kRegionHint},
    {"IncorrectEndpoint", ErrorCode::kRefused, kRegionHint},
    {"IllegalLocationConstraintException", ErrorCode::kRefused, kRegionHint},
    {"InvalidLocationConstraint", ErrorCode::kRefused, kRegionHint},
    {"RequestTimeTooSkewed", ErrorCode::kRefused,
     "Set the clock of this server: S3 takes 15 minutes of skew."},
    {"RequestExpired", ErrorCode::kRefused, "Set the clock of this server."},
    {"SignatureDoesNotMatch", ErrorCode::kNoCredentials,
     "Check the secret access key, the endpoint and the addressing style; a proxy that changes "
     "requests breaks signatures, too."},
    {"InvalidAccessKeyId", ErrorCode::kNoCredentials, kKeyHint},
    {"InvalidClientTokenId", ErrorCode::kNoCredentials, kKeyHint},
    {"UserSuspended", ErrorCode::kNoCredentials, kKeyHint},
    {"NotSignedUp", ErrorCode::kNoCredentials, kKeyHint},
    {"AccountProblem", ErrorCode::kNoCredentials, kKeyHint},
    {"ExpiredToken", ErrorCode::kNoCredentials, kTokenHint},
    {"ExpiredTokenException", ErrorCode::kNoCredentials, kTokenHint},
    {"InvalidToken", ErrorCode::kNoCredentials, kTokenHint},
    {"TokenRefreshRequired", ErrorCode::kNoCredentials, kTokenHint},
    {"InvalidSecurity", ErrorCode::kNoCredentials, kTokenHint},
    {"NoSuchBucket", ErrorCode::kNotFound,
     "Check the bucket's name, the endpoint and the addressing style."},
    {"NoSuchKey", ErrorCode::kNotFound, ""},
    {"NoSuchVersion", ErrorCode::kNotFound, ""},
    {"NoSuchUpload", ErrorCode::kNotFound, "It was completed or aborted, or never begun."},
    {"BucketAlreadyOwnedByYou", ErrorCode::kRefused, "The bucket exists, and is yours."},
    {"BucketAlreadyExists", ErrorCode::kRefused,
     "The bucket belongs to somebody else: names are shared by all. Choose another one."},
    {"BucketNotEmpty", ErrorCode::kRefused,
     "Delete its objects first, with their versions (s3_list_object_versions) and unfinished "
     "uploads "
     "(s3_list_multipart_uploads)."},
    {"TooManyBuckets", ErrorCode::kRefused, "Delete a bucket, or raise the account's limit."},
    {"EntityTooLarge", ErrorCode::kRefused, kSizeHint},
    {"EntityTooSmall", ErrorCode::kRefused, kSizeHint},
    {"InvalidPart", ErrorCode::kRefused, "Check part numbers and ETags against s3_list_parts."},
    {"InvalidRange", ErrorCode::kRefused, "The range starts behind the object's end."},
    {"InvalidObjectState", ErrorCode::kRefused, "The object is archived; restore it first."},
    {"MetadataTooLarge", ErrorCode::kRefused, "S3 takes 2 KiB of metadata."},
    {"KeyTooLongError", ErrorCode::kRefused, "An object key has at most 1024 bytes."},
    {"MalformedXML", ErrorCode::kRefused,
     "The server knows the operation, but not all that it was told: check members and values "
     "against "
     "its documentation. Servers other than Amazon's know fewer of them."},
    {"MalformedPolicy", ErrorCode::kRefused,
     "Check the policy's Principal, Action and Resource; Resource names the bucket."},
    {"ConditionalRequestConflict", ErrorCode::kRefused, "Another upload was under way; try again."},
    {"OperationAborted", ErrorCode::kRefused,
     "Another change of the bucket is under way; try again."},
    {"InvalidBucketState", ErrorCode::kRefused, "Object lock and versioning rule it out."},
    {"NotImplemented", ErrorCode::kUnsupported, kUnsupportedHint},
    {"MethodNotAllowed", ErrorCode::kRefused, kUnsupportedHint},
    {"InternalError", ErrorCode::kServerFailed, kBusyHint},
    {"SlowDown", std::nullopt, kBusyHint},
    {"ServiceUnavailable", ErrorCode::kServerFailed, kBusyHint},
    {"RequestTimeout", std::nullopt,
     "S3 waited for the request's body for too long; check the network."},
};

const Cause* FindCause(std::string_view s3_code) {
  const auto* found =
      std::find_if(std::begin(kCauses), std::end(kCauses),
                   [s3_code](const Cause& cause) { return cause.s3_code == s3_code; });
  return found == std::end(kCauses) ? nullptr : found;
}

// For replies without a Code: those to HEAD, and of others than S3.
std::string_view HintForStatus(int status, bool is_head) {
  if (status == 400 && is_head) return kHeadHint;
  if (status == 403 && is_head) return kHeadDeniedHint;
  if (status == 301 || status == 307) return kRegionHint;
  if (status == 401 || status == 403) return kDeniedHint;
  if (status == 405 || status == 501) return kUnsupportedHint;
  if (status == 413) return kSizeHint;
  if (status >= 500) return kBusyHint;
  return {};
}

// As UTF-8 of unknown origin: no error of ours may hide S3's.
std::string TextOf(const pugi::xml_node& root, const char* name) {
  return std::string(WithoutOuterSpace(RawXmlText<std::string>(root.child(name))));
}

std::string Quoted(std::string_view name) { return "\"" + WithoutControls(name) + "\""; }

std::string_view HeaderOf(const S3Request& request, std::string_view name) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

std::vector<std::string_view> SecretsOf(const S3Request& request) {
  std::vector<std::string_view> secrets;
  for (const HttpHeader& header : request.headers) {
    if (IsSecretHeader(header.name)) secrets.push_back(header.value);
  }
  return secrets;
}

ObjectName SourceOf(const S3Request& request) {
  return request.source ? *request.source : ObjectName{request.bucket, request.key.value_or("")};
}

// `PutObject of "a.txt" in bucket "b"`.
std::string Describe(const S3Request& request) {
  std::string text(request.operation);
  if (request.bucket.empty()) return text;
  text.append(" of ");
  if (request.key) text.append(Quoted(*request.key)).append(" in ");
  return text + "bucket " + Quoted(request.bucket);
}

std::string MissingMessage(const S3Request& request, std::string_view s3_code) {
  const ObjectName source = SourceOf(request);
  const std::string bucket = "bucket " + Quoted(request.bucket);
  if (s3_code == "NoSuchBucket" || (s3_code.empty() && !request.key)) {
    const bool other = source.bucket != request.bucket;
    return bucket + (other ? " or bucket " + Quoted(source.bucket) : "") + " does not exist";
  }
  if (s3_code == "NoSuchUpload") {
    return "multipart upload of " + Quoted(request.key.value_or("")) + " in " + bucket +
           " does not exist";
  }
  if (s3_code == "NoSuchVersion") {
    return "object " + Quoted(source.key) + " in bucket " + Quoted(source.bucket) +
           " has no such version";
  }
  if (s3_code == "NoSuchKey" || s3_code.empty()) {
    return "object " + Quoted(source.key) + " does not exist in bucket " + Quoted(source.bucket);
  }
  const std::string_view config = MissingConfig(s3_code);
  if (!config.empty()) return bucket + " has no " + std::string(config);
  return Describe(request) + " found nothing";
}

struct Judgement {
  ErrorCode code;
  std::string message, hint;
};

// 412 and its like: a condition that the caller had asked for does not hold.
std::optional<Judgement> JudgePrecondition(const S3Request& request, int status,
                                           std::string_view s3_code) {
  const std::string object =
      "object " + Quoted(request.key.value_or("")) + " in bucket " + Quoted(request.bucket);
  if (status == 304) return Judgement{ErrorCode::kRefused, object + " was not modified", ""};
  if (status != 412 && s3_code != "PreconditionFailed") return std::nullopt;
  if (!HeaderOf(request, "if-none-match").empty()) {
    return Judgement{ErrorCode::kRefused, object + " exists already",
                     "Leave overwrite true to replace it."};
  }
  if (!HeaderOf(request, "x-amz-copy-source-if-match").empty()) {
    const ObjectName source = SourceOf(request);
    return Judgement{ErrorCode::kRefused,
                     "object " + Quoted(source.key) + " in bucket " + Quoted(source.bucket) +
                         " was changed meanwhile",
                     "Start again."};
  }
  if (HeaderOf(request, "if-match").empty()) return std::nullopt;
  return Judgement{ErrorCode::kRefused, object + " was changed meanwhile", "Start again."};
}

ErrorCode CodeOf(int status, std::string_view s3_code, bool is_head, const Cause* cause) {
  if (cause != nullptr && cause->error_code) return *cause->error_code;
  if (status == 404) return ErrorCode::kNotFound;
  if (status == 501) return ErrorCode::kUnsupported;
  if (status >= 500) return ErrorCode::kServerFailed;
  if (status >= 400) return ErrorCode::kRefused;
  if (status >= 300 && (is_head || !s3_code.empty())) return ErrorCode::kRefused;
  // An operation that takes long starts its reply with 200, and may still fail.
  if (status >= 200 && !s3_code.empty()) return ErrorCode::kServerFailed;
  return ErrorCode::kMalformedReply;
}

std::string MessageFor(ErrorCode code, const S3Request& request, std::string_view s3_code) {
  if (code == ErrorCode::kNotFound) return MissingMessage(request, s3_code);
  if (code == ErrorCode::kServerFailed) return "S3 failed to do " + Describe(request);
  if (code == ErrorCode::kMalformedReply) return "malformed reply to " + Describe(request);
  if (code == ErrorCode::kUnsupported) return "S3 does not support " + Describe(request);
  return "S3 refused " + Describe(request);
}

bool IsDeleteMarker(const S3Request& request, const HttpResponse& response) {
  return response.status == 405 && request.key && request.query.Contains("versionId") &&
         (request.method == "GET" || request.method == "HEAD");
}

// The region that S3 names, where it is not the one that was asked.
std::string RegionHint(const S3ErrorReply& reply) {
  if (reply.region.empty()) return std::string(kRegionHint);
  return "The bucket is in region \"" + reply.region +
         "\": set the region, and an endpoint of that region where one is set.";
}

Judgement Judge(const S3Request& request, const HttpResponse& response, const S3ErrorReply& reply) {
  const int status = response.status;
  const std::string& s3_code = reply.code;
  if (auto judgement = JudgePrecondition(request, status, s3_code)) return std::move(*judgement);
  if (IsDeleteMarker(request, response)) {
    return {ErrorCode::kNotFound,
            MissingMessage(request, "NoSuchKey") + ": this version is a delete marker", ""};
  }
  const Cause* cause = FindCause(s3_code);
  const bool is_head = request.method == "HEAD";
  const ErrorCode code = CodeOf(status, s3_code, is_head, cause);
  std::string_view hint;
  if (cause != nullptr) hint = cause->hint;
  const bool deletes_version = request.method == "DELETE" && request.query.Contains("versionId");
  if (hint == kDeniedHint && deletes_version) hint = kVersionDeniedHint;
  if (s3_code.empty()) hint = HintForStatus(status, is_head);
  return {code, MessageFor(code, request, s3_code),
          hint == kRegionHint ? RegionHint(reply) : std::string(hint)};
}

}  // namespace

S3Error S3Error::WithAttempts(int attempts) const {
  std::string text = detail();
  if (attempts > 1) {
    if (EndsWith(text, ".")) text.pop_back();
    if (!text.empty()) text.append(", ");
    text.append(std::to_string(attempts)).append(" attempts");
  }
  S3Error error(code(), status_, s3_code_, what(), hint(), std::move(text), date_);
  error.attempts_ = attempts;
  return error;
}

std::optional<S3ErrorReply> ParseS3Error(std::string_view body) {
  constexpr std::size_t kMaxErrorBytes = 64 << 10;
  std::string text(body.substr(0, kMaxErrorBytes + 1));
  pugi::xml_document document;
  if (ParseXmlInPlace(text.data(), text.size(), kMaxErrorBytes, &document) != XmlStatus::kOk) {
    return std::nullopt;
  }
  const pugi::xml_node root = document.child("Error");
  if (!root) return std::nullopt;
  S3ErrorReply reply;
  reply.code = PlainWord(TextOf(root, "Code"));
  reply.message = TextOf(root, "Message");
  reply.request_id = PlainWord(TextOf(root, "RequestId"));
  reply.region = TextOf(root, "Region");
  if (!IsRegion(reply.region)) reply.region.clear();
  return reply;
}

S3Error MakeS3Error(const S3Request& request, const HttpResponse& response,
                    const Credentials& secrets) {
  S3ErrorReply reply = ParseS3Error(response.body).value_or(S3ErrorReply());
  if (reply.request_id.empty()) reply.request_id = PlainWord(response.Header("x-amz-request-id"));
  if (IsRegion(response.Header("x-amz-bucket-region"))) {
    reply.region = response.Header("x-amz-bucket-region");
  }
  const std::vector<std::string_view> more = SecretsOf(request);
  for (std::string* word : {&reply.code, &reply.request_id, &reply.region}) {
    *word = WithoutSecrets(std::move(*word), secrets, more);
  }
  std::string detail = DescribeErrorReply({reply.code, reply.request_id}, response.status);
  const std::string words = SafeWords(reply.message, secrets, more);
  if (!words.empty()) detail.append("; S3 says: ").append(words);
  Judgement judgement = Judge(request, response, reply);
  return S3Error(judgement.code, response.status, reply.code, judgement.message,
                 std::move(judgement.hint), std::move(detail),
                 std::string(response.Header("date")));
}

}  // namespace neon_s3

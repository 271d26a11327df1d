#include "net/s3_job.h"

#include <algorithm>

#include "core/text.h"

namespace neon_s3 {
namespace {

// Whether the outermost element is an Error, without parsing a listing of megabytes.
bool MayBeError(std::string_view body) {
  constexpr std::string_view kError = "<Error";
  for (std::size_t at = body.find('<'); at != std::string_view::npos; at = body.find('<', at + 1)) {
    const char next = at + 1 < body.size() ? body[at + 1] : '\0';
    if (next != '?' && next != '!') return StartsWith(body.substr(at), kError);
  }
  return false;
}

}  // namespace

bool IsSuccess(const S3Request& request, const HttpResponse& response) {
  if (response.status / 100 != 2) return false;
  return request.is_object_body || !MayBeError(response.body) || !ParseS3Error(response.body);
}

bool LacksReason(const S3Request& request, const HttpResponse& response) {
  const int status = response.status;
  return request.method == "HEAD" && status / 100 == 4 && status != 404 && status != 412;
}

S3Request MakeInquiry(const S3Request& request) {
  S3Request inquiry = request;
  inquiry.method = "GET";
  if (request.key) {
    inquiry.headers.push_back({"range", "bytes=0-0"});
  } else {
    inquiry.query.Add("location", "");
  }
  return inquiry;
}

S3Error MakeS3Error(const Error& error) {
  return S3Error(error.code(), 0, "", error.what(), error.hint(), error.detail());
}

S3Error WithAttempts(const S3Error& error, int attempts) {
  if (attempts < 2) return error;
  std::string detail = error.detail();
  if (EndsWith(detail, ".")) detail.pop_back();
  if (!detail.empty()) detail.append(", ");
  detail.append(std::to_string(attempts)).append(" attempts");
  return S3Error(error.code(), error.status(), error.s3_code(), error.what(), error.hint(), detail,
                 error.date());
}

}  // namespace neon_s3

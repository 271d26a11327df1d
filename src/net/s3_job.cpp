#include "net/s3_job.h"

#include <algorithm>

#include "core/text.h"

namespace neon_s3 {
namespace {

// Whether the outermost element is an Error, without parsing a listing of megabytes.
bool MayBeError(std::string_view body) {
  constexpr std::string_view kError = "Error";
  for (std::size_t at = body.find('<'); at != std::string_view::npos; at = body.find('<', at + 1)) {
    const char next = at + 1 < body.size() ? body[at + 1] : '\0';
    if (next == '?' || next == '!') continue;
    const std::string_view name = body.substr(at + 1, body.find_first_of("> \t\r\n/", at) - at - 1);
    return name.substr(name.find(':') + 1) == kError;  // without its prefix, if it has one
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
  const bool is_clear = status == 404 || status == 405 || status == 412;
  return request.method == "HEAD" && status / 100 == 4 && !is_clear;
}

S3Request MakeProbe(const S3Request& request) {
  S3Request probe = request;
  probe.method = "GET";
  if (request.key) {
    probe.headers.push_back({"range", "bytes=0-0"});
  } else {
    probe.query.Add("location", "");
  }
  return probe;
}

bool RefusesChecksum(const S3Request& request, const HttpResponse& response) {
  const bool has_checksum = std::any_of(
      request.headers.begin(), request.headers.end(),
      [](const HttpHeader& header) { return StartsWith(header.name, "x-amz-checksum-"); });
  if (!has_checksum || (response.status != 400 && response.status != 501)) return false;
  const S3ErrorReply reply = ParseS3Error(response.body).value_or(S3ErrorReply());
  return reply.code == "NotImplemented" ||
         LowerCase(reply.message).find("x-amz-checksum") != std::string::npos;
}

bool IsEmptyObject(const S3Request& request, const HttpResponse& response) {
  return response.status == 416 && request.range && response.Header("content-range") == "bytes */0";
}

}  // namespace neon_s3

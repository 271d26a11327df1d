#include "core/error_reply.h"

#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {

std::string DescribeErrorReply(const ErrorReply& reply, int http_status) {
  std::string text;
  if (!reply.code.empty()) text.append("Code ").append(reply.code).append(", ");
  text.append("HTTP status ").append(std::to_string(http_status));
  if (!reply.request_id.empty()) text.append(", RequestId ").append(reply.request_id);
  return text;
}

std::string PlainWord(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  const bool plain = text.size() <= kLongest && IsPrintable(text);
  return plain ? std::string(text) : std::string();
}

void RaiseMalformedReply(const std::string& problem) {
  throw Error(ErrorCode::kMalformedReply, "malformed reply from S3", "", problem);
}

}  // namespace neon_s3

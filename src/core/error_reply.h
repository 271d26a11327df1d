// What a refusal says that may be repeated in a message: the rest may quote the request, session
// token included.
#pragma once

#include <string>
#include <string_view>

namespace neon_s3 {

struct ErrorReply {
  std::string code;
  std::string request_id;
};

// "Code AccessDenied, HTTP status 403, RequestId …", without what is missing.
std::string DescribeErrorReply(const ErrorReply& reply, int http_status);

// `text` where it is one word of ASCII, of at most 80 characters; else empty.
std::string PlainWord(std::string_view text);

// kMalformedReply, for what an S3 server sent; `problem` is a sentence.
[[noreturn]] void RaiseMalformedReply(const std::string& problem);

}  // namespace neon_s3

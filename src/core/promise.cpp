#include "core/promise.h"

#include "core/encoding.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  AppendHex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), &hex);
  return hex;
}

std::string Sentence(std::string_view what, std::string_view promised, std::string_view found) {
  return "Its " + std::string(what) + " is " + std::string(found) + ", but " +
         std::string(promised) + " was promised.";
}

}  // namespace

S3Request HeadWithChecksum(std::string_view bucket, std::string_view key) {
  S3Request request = HeadObject(bucket, key);
  request.headers.push_back({"x-amz-checksum-mode", "ENABLED"});
  return request;
}

std::optional<std::string> ReportedChecksum(const HttpResponse& reply) {
  // Of a multipart upload it is one of checksums, which has a dash.
  std::optional<std::string> checksum = Base64Decoded(reply.Header("x-amz-checksum-sha256"));
  if (!checksum || checksum->size() != 32) return {};
  return checksum;
}

std::string DescribeDifference(const Promise& promise, const Measured& measured) {
  if (promise.content_length && *promise.content_length != measured.size) {
    return Sentence("length", std::to_string(*promise.content_length),
                    std::to_string(measured.size));
  }
  if (promise.content_type &&
      LowerCase(*promise.content_type) != LowerCase(measured.content_type)) {
    return Sentence("content type", "\"" + std::string(*promise.content_type) + "\"",
                    "\"" + std::string(measured.content_type) + "\"");
  }
  const std::optional<std::string>& checksum = measured.checksum_sha256;
  if (promise.checksum_sha256 && checksum && *promise.checksum_sha256 != *checksum) {
    return Sentence("SHA-256", Hex(*promise.checksum_sha256), Hex(*checksum));
  }
  return {};
}

}  // namespace neon_s3

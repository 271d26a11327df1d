#include "core/copy_request.h"

#include "core/encoding.h"
#include "core/text.h"
#include "core/xml.h"

namespace neon_s3 {

S3Request CopyObject(const CopyNames& names) {
  return CopyObject(names.source_bucket, names.source_key, names.bucket, names.key,
                    names.source_version);
}

S3Request UploadPartCopy(const CopyNames& names, std::string_view upload_id, int part_number,
                         const ByteRange& range) {
  S3Request request = CopyObject(names);
  request.operation = "UploadPartCopy";
  request.query.Add("partNumber", std::to_string(part_number));
  request.query.Add("uploadId", upload_id);
  std::string text = "bytes=";
  AppendDecimal(range.start, &text);
  text.push_back('-');
  AppendDecimal(range.start + *range.length - 1, &text);
  request.headers.push_back({"x-amz-copy-source-range", SecretString(text)});
  return request;
}

void SetSourceIfMatch(std::string_view etag, S3Request* request) {
  if (etag.empty() || IsWeakETag(etag) || HasControls(etag)) return;
  request->headers.push_back(
      {"x-amz-copy-source-if-match", SecretString("\"" + std::string(WithoutQuotes(etag)) + "\"")});
}

S3Request GetObjectTagging(std::string_view bucket, std::string_view key,
                           std::string_view version_id) {
  S3Request request = HeadObject(bucket, key, version_id);
  request.operation = "GetObjectTagging";
  request.method = "GET";
  request.query.Add("tagging", "");
  return request;
}

std::string ParseTagging(std::string_view body) {
  const XmlReply reply(body, {"Tagging"});
  std::string text;
  for (const pugi::xml_node& tag : reply.root().child("TagSet").children("Tag")) {
    if (!text.empty()) text.push_back('&');
    AppendUriEncoded(XmlText(tag, "Key"), &text);
    text.push_back('=');
    AppendUriEncoded(XmlText(tag, "Value"), &text);
  }
  return text;
}

}  // namespace neon_s3

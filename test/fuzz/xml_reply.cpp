// The replies of S3 in XML: malformed, or texts that SQL can hold; a listing that is written again
// is read as the same; an error repeats no secret.
#include "core/copy_request.h"
#include "core/s3_error.h"
#include "core/s3_response.h"
#include "core/xml.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

void CheckTexts(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) Require(IsValidUtf8(text));
}

std::string Written(const ObjectPage& page) {
  pugi::xml_document document;
  pugi::xml_node root = AppendS3Root(&document, "ListBucketResult");
  AppendElement(root, "EncodingType", "url");
  AppendElement(root, "IsTruncated", page.continuation_token.empty() ? "false" : "true");
  if (!page.continuation_token.empty()) {
    AppendElement(root, "NextContinuationToken", page.continuation_token);
  }
  for (const ListedObject& object : page.objects) {
    std::string key;
    AppendUriEncoded(object.key, &key);
    pugi::xml_node element = AppendElement(root, object.is_prefix ? "CommonPrefixes" : "Contents");
    AppendElement(element, object.is_prefix ? "Prefix" : "Key", key);
    if (object.is_prefix) continue;
    AppendElement(element, "Size", std::to_string(object.size));
    AppendElement(element, "ETag", "\"" + object.etag + "\"");
    AppendElement(element, "StorageClass", object.storage_class);
  }
  return ToText(document);
}

void CheckObjects(const ObjectPage& page) {
  const ObjectPage again = ParseObjectPage(Written(page));
  Require(again.continuation_token == page.continuation_token);
  Require(again.objects.size() == page.objects.size());
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    const ListedObject &a = page.objects[i], &b = again.objects[i];
    CheckTexts({a.key, a.etag, a.storage_class});
    Require(a.key == b.key && a.size >= 0 && (i == 0 || page.objects[i - 1].key <= a.key));
  }
}

void CheckVersions(const VersionPage& page) {
  for (const ListedVersion& version : page.versions) {
    CheckTexts({version.key, version.version_id, version.etag, version.storage_class});
    Require(!version.key.empty() && !version.version_id.empty() && version.size >= 0);
  }
  CheckTexts({page.next_key_marker, page.next_version_id_marker});
}

void CheckParts(const PartPage& page) {
  for (const ListedPart& part : page.parts) {
    CheckTexts({part.etag});
    Require(part.part_number >= 0 && part.size >= 0);
  }
  Require(page.next_marker.value_or(0) >= 0);
}

void CheckUploads(const UploadPage& page) {
  for (const ListedUpload& upload : page.uploads) {
    CheckTexts({upload.key, upload.upload_id, upload.storage_class});
  }
  CheckTexts({page.next_key_marker, page.next_upload_id_marker});
}

void CheckSmallReply(std::string_view body) {
  HttpResponse response;
  response.status = 200;
  response.body = body;
  Accepts([&] { CheckTexts({ParseWrittenDocument(response).etag}); });
  Accepts([&] { CheckTexts({ParseUploadId(body)}); });
  Accepts([&] { CheckTexts({ParseTagging(body)}); });
  Accepts([&] {
    for (const ListedBucket& bucket : ParseBucketList(body)) CheckTexts({bucket.name});
  });
  Accepts([&] {
    for (const DeletedObject& object : ParseDeleteResult(body)) {
      CheckTexts({object.key, object.code, object.message, object.version_id});
    }
  });
}

constexpr std::string_view kSecret = "wJalrXUtnFEMI/bPxRfiCYEXAMPLE",
                           kToken = "AQoEXAMPLEH4aoAH0gNCAPy";

void CheckError(int status, std::string_view body) {
  HttpResponse response;
  response.status = status;
  response.body = body;
  for (const S3Request& request :
       {GetObject("bucket", "key"), HeadObject("bucket", "key", "v1"), DeleteBucket("bucket")}) {
    const S3Error error = MakeS3Error(request, response, {"AKIDEXAMPLE", kSecret, kToken});
    const std::string text = DescribeError(error) + error.hint();
    CheckTexts({text, error.s3_code()});
    Require(text.find(kSecret) == text.npos && text.find(kToken) == text.npos);
    Require(error.what()[0] != '\0');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Input input(data + 1, size - 1);
  const std::string_view body = input.Rest();
  switch (*data % 6) {
    case 0:
      Accepts([&] { CheckObjects(ParseObjectPage(body)); });
      break;
    case 1:
      Accepts([&] { CheckVersions(ParseVersionPage(body)); });
      break;
    case 2:
      Accepts([&] { CheckParts(ParsePartPage(body)); });
      break;
    case 3:
      Accepts([&] { CheckUploads(ParseUploadPage(body)); });
      break;
    case 4:
      CheckSmallReply(body);
      break;
    default:
      CheckError(200 + *data, body);
  }
  return 0;
}

#include "net/bucket_listing.h"

#include <string>
#include <utility>

#include "core/listing_guard.h"
#include "core/s3_request.h"

namespace neon_s3 {
namespace {

void ListAllObjects(S3Client& s3, std::string_view bucket, std::vector<ListedObject>* objects) {
  ListOptions options;
  std::string token;
  ListingGuard guard;
  do {
    options.continuation_token = token;
    ObjectPage page = ParseObjectPage(s3.Call(ListObjects(bucket, options)).body);
    for (ListedObject& object : page.objects) objects->push_back(std::move(object));
    token = std::move(page.continuation_token);
    if (!token.empty()) guard.Check(token, page.objects.size());
  } while (!token.empty());
}

void ListAllUploads(S3Client& s3, std::string_view bucket, std::vector<ListedUpload>* uploads) {
  std::string key_marker, upload_id_marker;
  ListingGuard guard;
  for (;;) {
    UploadPage page = ParseUploadPage(
        s3.Call(ListMultipartUploads(bucket, {}, key_marker, upload_id_marker)).body);
    for (ListedUpload& upload : page.uploads) uploads->push_back(std::move(upload));
    key_marker = std::move(page.next_key_marker);
    upload_id_marker = std::move(page.next_upload_id_marker);
    if (key_marker.empty()) return;
    guard.Check(key_marker + '\0' + upload_id_marker, page.uploads.size());
  }
}

}  // namespace

void ListBucket(S3Client& s3, std::string_view bucket, BucketListing* listing) {
  ListAllObjects(s3, bucket, &listing->objects);
  ListAllUploads(s3, bucket, &listing->uploads);
  for (const ListedObject& object : listing->objects) listing->keys.insert(object.key);
}

}  // namespace neon_s3

// The SQL functions that sign or ask S3: what they are called, and what they do. Either side.
#pragma once

#include <cstddef>

namespace neon_s3 {

enum class Operation {
  kPresignGet,
  kPresignPut,
  kPresignHead,
  kPresignDelete,
  kPresign,
  kPresignExplain,
  kPresignPost,
  kPresignUploadPart,
  kPresignUpload,
  kBeginUpload,
  kFileUrl,
  kBeginMultipartUpload,
  kUploadPartUrls,
  kUploadedParts,
  kPutObject,
  kPutObjects,
  kGetObject,
  kGetObjects,
  kPutLargeObject,
  kGetLargeObject,
  kHeadObject,
  kObjectExists,
  kCopyObject,
  kDeleteObject,
  kDeleteObjects,
  kHeadObjects,
  kListObjects,
  kCreateMultipartUpload,
  kCompleteMultipartUpload,
  kAbortMultipartUpload,
  kListParts,
  kListMultipartUploads,
  kCreateBucket,
  kDeleteBucket,
  kBucketExists,
  kListBuckets,
  kPutBucketCors,
  kGetBucketCors,
  kDeleteBucketCors,
  kPutBucketPolicy,
  kGetBucketPolicy,
  kDeleteBucketPolicy,
  kPutPublicAccessBlock,
  kGetPublicAccessBlock,
  kPutBucketLifecycle,
  kGetBucketLifecycle,
  kDeleteBucketLifecycle,
  kPutBucketVersioning,
  kGetBucketVersioning,
  kListObjectVersions,
  kDeleteObjectVersions,
  kRestoreVersion,
  kMoveObject,
  kExportQuery,
  kImportTable,
  kSetupBucket,
  kDoctor,
  kRunOutbox,
  kConfirmUpload,
  kGc,
  kCount
};

enum class Effect {
  kSigns,    // makes a URL, and asks nobody
  kReads,    // asks S3
  kChanges,  // changes something at S3 or in the database
};

struct OperationInfo {
  Operation operation;
  const char* name;  // the SQL function's
  Effect effect;
};

constexpr OperationInfo kOperations[] = {
    {Operation::kPresignGet, "s3_presign_get", Effect::kSigns},
    {Operation::kPresignPut, "s3_presign_put", Effect::kSigns},
    {Operation::kPresignHead, "s3_presign_head", Effect::kSigns},
    {Operation::kPresignDelete, "s3_presign_delete", Effect::kSigns},
    {Operation::kPresign, "s3_presign", Effect::kSigns},
    {Operation::kPresignExplain, "s3_presign_explain", Effect::kSigns},
    {Operation::kPresignPost, "s3_presign_post", Effect::kSigns},
    {Operation::kPresignUploadPart, "s3_presign_upload_part", Effect::kSigns},
    {Operation::kPresignUpload, "s3_presign_upload", Effect::kSigns},
    {Operation::kBeginUpload, "s3_begin_upload", Effect::kSigns},
    {Operation::kFileUrl, "s3_file_url", Effect::kSigns},
    {Operation::kBeginMultipartUpload, "s3_begin_multipart_upload", Effect::kChanges},
    {Operation::kUploadPartUrls, "s3_upload_part_urls", Effect::kSigns},
    {Operation::kUploadedParts, "s3_uploaded_parts", Effect::kReads},
    {Operation::kPutObject, "s3_put_object", Effect::kChanges},
    {Operation::kPutObjects, "s3_put_objects", Effect::kChanges},
    {Operation::kGetObject, "s3_get_object", Effect::kReads},
    {Operation::kGetObjects, "s3_get_objects", Effect::kReads},
    {Operation::kPutLargeObject, "s3_put_large_object", Effect::kChanges},
    {Operation::kGetLargeObject, "s3_get_large_object", Effect::kChanges},
    {Operation::kHeadObject, "s3_head_object", Effect::kReads},
    {Operation::kObjectExists, "s3_object_exists", Effect::kReads},
    {Operation::kCopyObject, "s3_copy_object", Effect::kChanges},
    {Operation::kDeleteObject, "s3_delete_object", Effect::kChanges},
    {Operation::kDeleteObjects, "s3_delete_objects", Effect::kChanges},
    {Operation::kHeadObjects, "s3_head_objects", Effect::kReads},
    {Operation::kListObjects, "s3_list_objects", Effect::kReads},
    {Operation::kCreateMultipartUpload, "s3_create_multipart_upload", Effect::kChanges},
    {Operation::kCompleteMultipartUpload, "s3_complete_multipart_upload", Effect::kChanges},
    {Operation::kAbortMultipartUpload, "s3_abort_multipart_upload", Effect::kChanges},
    {Operation::kListParts, "s3_list_parts", Effect::kReads},
    {Operation::kListMultipartUploads, "s3_list_multipart_uploads", Effect::kReads},
    {Operation::kCreateBucket, "s3_create_bucket", Effect::kChanges},
    {Operation::kDeleteBucket, "s3_delete_bucket", Effect::kChanges},
    {Operation::kBucketExists, "s3_bucket_exists", Effect::kReads},
    {Operation::kListBuckets, "s3_list_buckets", Effect::kReads},
    {Operation::kPutBucketCors, "s3_put_bucket_cors", Effect::kChanges},
    {Operation::kGetBucketCors, "s3_get_bucket_cors", Effect::kReads},
    {Operation::kDeleteBucketCors, "s3_delete_bucket_cors", Effect::kChanges},
    {Operation::kPutBucketPolicy, "s3_put_bucket_policy", Effect::kChanges},
    {Operation::kGetBucketPolicy, "s3_get_bucket_policy", Effect::kReads},
    {Operation::kDeleteBucketPolicy, "s3_delete_bucket_policy", Effect::kChanges},
    {Operation::kPutPublicAccessBlock, "s3_put_public_access_block", Effect::kChanges},
    {Operation::kGetPublicAccessBlock, "s3_get_public_access_block", Effect::kReads},
    {Operation::kPutBucketLifecycle, "s3_put_bucket_lifecycle", Effect::kChanges},
    {Operation::kGetBucketLifecycle, "s3_get_bucket_lifecycle", Effect::kReads},
    {Operation::kDeleteBucketLifecycle, "s3_delete_bucket_lifecycle", Effect::kChanges},
    {Operation::kPutBucketVersioning, "s3_put_bucket_versioning", Effect::kChanges},
    {Operation::kGetBucketVersioning, "s3_get_bucket_versioning", Effect::kReads},
    {Operation::kListObjectVersions, "s3_list_object_versions", Effect::kReads},
    {Operation::kDeleteObjectVersions, "s3_delete_object_versions", Effect::kChanges},
    {Operation::kRestoreVersion, "s3_restore_version", Effect::kChanges},
    {Operation::kMoveObject, "s3_move_object", Effect::kChanges},
    {Operation::kExportQuery, "s3_export_query", Effect::kChanges},
    {Operation::kImportTable, "s3_import_table", Effect::kChanges},
    {Operation::kSetupBucket, "s3_setup_bucket", Effect::kChanges},
    // Reads only as far as a read-only transaction is concerned: its probe is gone when it returns.
    {Operation::kDoctor, "s3_doctor", Effect::kReads},
    {Operation::kRunOutbox, "s3_run_outbox", Effect::kChanges},
    {Operation::kConfirmUpload, "s3_confirm_upload", Effect::kChanges},
    {Operation::kGc, "s3_gc", Effect::kChanges},
};

constexpr std::size_t kOperationCount = static_cast<std::size_t>(Operation::kCount);

constexpr const OperationInfo& InfoOf(Operation operation) {
  return kOperations[static_cast<std::size_t>(operation)];
}

namespace internal {
constexpr bool OperationsAreInOrder() {
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (kOperations[i].operation != static_cast<Operation>(i)) return false;
  }
  return true;
}
}  // namespace internal
static_assert(sizeof kOperations / sizeof *kOperations == kOperationCount);
static_assert(internal::OperationsAreInOrder(), "InfoOf() counts on it");

}  // namespace neon_s3

#include "pg/copy.h"

#include <optional>

#include "net/object_copy.h"

namespace neon_s3 {
namespace {

CopyNames NamesOf(const S3Call& call, const CopyArgs& args) {
  CopyNames names;
  names.bucket = call.bucket();
  names.key = *args.key;
  names.source_bucket = args.source_bucket.value_or(names.bucket);
  names.source_key = *args.source_key;
  names.source_version = args.source_version.value_or(std::string_view());
  return names;
}

}  // namespace

void Copy(S3Call& call, const CopyArgs& args, WrittenObject* written) {
  auto& copy = Owned<std::optional<ObjectCopy>>();
  PG_TRY();
  {
    call.Run([&](S3Client& s3) {
      copy.emplace(NamesOf(call, args), HeadersOf(args.headers, kCopyRequests));
      *written = copy->Perform(s3, [&](int done, int total) { call.ShowItems(done, total); });
    });
  }
  PG_CATCH();
  {
    if (copy && copy->has_upload()) call.RunLast([&](S3Client& s3) { copy->Abort(s3); });
    PG_RE_THROW();
  }
  PG_END_TRY();
}

}  // namespace neon_s3

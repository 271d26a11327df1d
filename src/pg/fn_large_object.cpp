// s3_put_large_object, s3_get_large_object: in parts, several at once, so that memory stays
// bounded.
#include <algorithm>
#include <map>
#include <memory>

#include "core/error.h"
#include "core/error_reply.h"
#include "core/text.h"
#include "net/multipart.h"
#include "net/in_order.h"
#include "pg/result.h"
#include "pg/resolve_target.h"
#include "pg/s3_call.h"

extern "C" {
#include "libpq/be-fsstubs.h"
#include "libpq/libpq-fs.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
}

namespace neon_s3 {
namespace {

constexpr std::int64_t kPartSize = 8 << 20;  // bytes; more where an upload would need too many
constexpr std::int64_t kMostParts = 10000;   // of an upload: S3's limit
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::size_t kPartsAtOnce = 4;

// ---------------------------------------------------------------- large objects (Postgres side)

// With a snapshot of its own, so that a large object made by the same statement is there.
int OpenLargeObject(Oid lo, int mode) {
  PushActiveSnapshot(GetTransactionSnapshot());
  const int fd =
      DatumGetInt32(DirectFunctionCall2(be_lo_open, ObjectIdGetDatum(lo), Int32GetDatum(mode)));
  PopActiveSnapshot();
  return fd;
}

void CloseLargeObject(int fd) { DirectFunctionCall1(be_lo_close, Int32GetDatum(fd)); }

std::int64_t Seek(int fd, std::int64_t offset, int whence) {
  return DatumGetInt64(DirectFunctionCall3(be_lo_lseek64, Int32GetDatum(fd), Int64GetDatum(offset),
                                           Int32GetDatum(whence)));
}

// In slices, between which the query can be cancelled.
template <typename Transfer>
std::size_t InSlices(std::size_t size, const Transfer& transfer) {
  std::size_t done = 0;
  while (done < size) {
    CHECK_FOR_INTERRUPTS();
    const int slice = static_cast<int>(std::min<std::size_t>(size - done, kMiB));
    const int count = transfer(done, slice);
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void ReadFully(int fd, char* buffer, std::size_t size) {
  const std::size_t done = InSlices(
      size, [&](std::size_t offset, int slice) { return lo_read(fd, buffer + offset, slice); });
  if (done < size) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the large object became shorter while it was read")));
  }
}

void WriteFully(int fd, std::string_view bytes) {
  InSlices(bytes.size(), [&](std::size_t offset, int slice) {
    return lo_write(fd, bytes.data() + offset, slice);
  });
}

// ---------------------------------------------------------------- up

struct UploadPlan {
  std::int64_t size, part_size;
  int part_count;
};

// More than S3 takes is S3's to refuse.
UploadPlan PlanUpload(std::int64_t size) {
  const std::int64_t least = (size + kMostParts - 1) / kMostParts;
  const std::int64_t part_size = std::max(kPartSize, (least + kMiB - 1) / kMiB * kMiB);
  return {size, part_size, static_cast<int>((size + part_size - 1) / part_size)};
}

struct Upload {
  CallerHeaders headers;
  std::string upload_id;                                  // empty: none was begun
  std::map<std::size_t, std::unique_ptr<char[]>> bodies;  // of the parts under way
  std::map<std::size_t, std::string> checksums;           // of all parts, by their numbers
  std::vector<CompletedPart> parts;
  WrittenObject written;
};

struct PutArgs {
  OptionalText key, content_type;
  FieldArgs metadata;
  bool overwrite;
  FieldArgs headers;
};

constexpr unsigned kUploadRequests = kWithPut | kWithCreateUpload | kWithPart | kWithComplete;

void PutWhole(S3Call& call, const PutArgs& args, int fd, std::size_t size, Upload* upload) {
  char* body;
  call.Run([&](S3Client&) {
    upload->bodies[0] = std::make_unique<char[]>(size);
    body = upload->bodies[0].get();
  });
  ReadFully(fd, body, size);
  call.Run([&](S3Client& s3) {
    S3Request request = PutObject(call.bucket(), *args.key, {body, size},
                                  AttributesOf(args.content_type, args.metadata), args.overwrite);
    upload->headers.AddTo(kWithPut, &request);
    upload->written = ParseWrittenObject(s3.Call(std::move(request)));
  });
}

void BeginUpload(S3Call& call, const PutArgs& args, Upload* upload) {
  call.Run([&](S3Client& s3) {
    S3Request request = CreateMultipartUpload(call.bucket(), *args.key,
                                              AttributesOf(args.content_type, args.metadata),
                                              PartChecksum::kCrc32c);
    upload->headers.AddTo(kWithCreateUpload, &request);
    // Servers that know no condition on the completion would overwrite it all the same.
    S3Request head = HeadObject(call.bucket(), *args.key);
    upload->headers.AddTo(kWithRange, &head);
    if (!args.overwrite && Exists(s3, std::move(head))) {
      throw Error(ErrorCode::kRefused, "object \"" + std::string(*args.key) + "\" exists already",
                  "Set overwrite to true to replace it.");
    }
    upload->upload_id = ParseUploadId(s3.Call(std::move(request)).body);
  });
}

// Notes one part that is done.
void AwaitPart(S3Client& s3, Upload* upload) {
  const S3Reply reply = s3.Next();
  if (reply.error) throw *reply.error;
  upload->parts.push_back({static_cast<int>(reply.id),
                           ParseWrittenObject(reply.response).etag,
                           {{"ChecksumCRC32C", upload->checksums[reply.id]}}});
  upload->bodies.erase(reply.id);
}

void SendParts(S3Call& call, const PutArgs& args, int fd, const UploadPlan& plan, Upload* upload) {
  for (int part = 1; part <= plan.part_count; ++part) {
    call.ShowItems(part - 1, plan.part_count);
    const auto size =
        static_cast<std::size_t>(std::min(plan.part_size, plan.size - (part - 1) * plan.part_size));
    char* body;
    call.Run([&](S3Client& s3) {
      if (upload->bodies.size() == kPartsAtOnce) AwaitPart(s3, upload);
      auto& buffer = upload->bodies[static_cast<std::size_t>(part)];
      buffer = std::make_unique<char[]>(size);
      body = buffer.get();
    });
    ReadFully(fd, body, size);
    call.Run([&](S3Client& s3) {
      S3Request request = UploadPart(call.bucket(), *args.key, upload->upload_id, part,
                                     {body, size}, PartChecksum::kCrc32c);
      upload->headers.AddTo(kWithPart, &request);
      const auto number = static_cast<std::size_t>(part);
      upload->checksums[number] = ChecksumOf(request);
      s3.Submit(number, std::move(request));
    });
  }
}

void FinishUpload(S3Call& call, const PutArgs& args, Upload* upload) {
  call.Run([&](S3Client& s3) {
    while (s3.busy()) AwaitPart(s3, upload);
    std::sort(upload->parts.begin(), upload->parts.end(),
              [](const CompletedPart& a, const CompletedPart& b) {
                return a.part_number < b.part_number;
              });
    upload->written = CompleteUpload(s3, call.bucket(), *args.key, upload->upload_id, upload->parts,
                                     args.overwrite, upload->headers);
  });
}

// The parts of an upload that is never completed cost money. Nothing is raised: an error is under
// way.
void AbandonUpload(S3Call& call, const PutArgs& args, const Upload& upload) {
  call.RunLast([&](S3Client& s3) {
    AbortUpload(s3, call.bucket(), *args.key, upload.upload_id, upload.headers);
  });
}

void PutInParts(S3Call& call, const PutArgs& args, int fd, const UploadPlan& plan, Upload* upload) {
  BeginUpload(call, args, upload);
  PG_TRY();
  {
    SendParts(call, args, fd, plan, upload);
    FinishUpload(call, args, upload);
  }
  PG_CATCH();
  {
    AbandonUpload(call, args, *upload);
    PG_RE_THROW();
  }
  PG_END_TRY();
}

// ---------------------------------------------------------------- down

struct Download {
  CallerHeaders headers;
  std::optional<std::int64_t> size;  // none: not known before all of it has come
  std::int64_t part_size = kPartSize;
  std::string etag;
  std::size_t part_count = 1;
  InOrder<std::string> parts;

  void Plan(const ObjectInfo& object) {
    size = object.size;
    etag = object.etag;
    part_size = std::min(kPartSize, static_cast<std::int64_t>(MakeLimits().max_response_size));
    if (size) part_count = static_cast<std::size_t>((*size + part_size - 1) / part_size);
  }
};

// All parts are of the same object.
S3Request GetPart(std::string_view bucket, std::string_view key, std::string_view version_id,
                  const Download& download, std::size_t part) {
  S3Request request = GetObject(bucket, key, version_id);
  download.headers.AddTo(kWithRange, &request);
  SetIfMatch(download.etag, &request);
  if (!download.size) return request;
  const std::int64_t start = static_cast<std::int64_t>(part) * download.part_size;
  SetRange({start, std::min(download.part_size, *download.size - start)}, &request);
  request.size = download.size;
  return request;
}

std::string PartOf(S3Reply reply, Download* download) {
  if (reply.error) throw *reply.error;
  const std::string etag = ParseWrittenObject(reply.response).etag;
  if (download->etag.empty()) download->etag = etag;  // HEAD told none
  if (!IsSameETag(etag, download->etag)) {
    RaiseMalformedReply("The object has another ETag than before.");
  }
  return std::move(reply.response.body);
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_put_large_object);
Datum neon_s3_put_large_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  PutArgs put;
  put.key = args.Text();
  const Oid lo = *args.ObjectId();
  put.content_type = args.Text();
  put.metadata = args.Fields("metadata");
  put.overwrite = args.Boolean(true);
  const Target target = ReadTarget(args);
  put.headers = args.Fields("headers");

  S3Call& call = S3Call::Begin(Operation::kPutLargeObject, put.key, target);
  const int fd = OpenLargeObject(lo, INV_READ);
  const UploadPlan plan = PlanUpload(Seek(fd, 0, SEEK_END));
  Seek(fd, 0, SEEK_SET);
  call.ShowBytesTotal(plan.size);
  auto& upload = Owned<Upload>();
  Guard([&] { upload.headers = HeadersOf(put.headers, kUploadRequests); });
  if (plan.part_count <= 1) {
    PutWhole(call, put, fd, static_cast<std::size_t>(plan.size), &upload);
  } else {
    PutInParts(call, put, fd, plan, &upload);
  }
  CloseLargeObject(fd);
  const Datum row = WrittenRow(fcinfo, upload.written);
  call.Finish();
  return row;
}

NEON_S3_FUNCTION(neon_s3_get_large_object);
Datum neon_s3_get_large_object(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText key = args.Text();
  std::optional<Oid> lo = args.ObjectId();
  const OptionalText version_id = args.Text();
  const Target target = ReadTarget(args);
  const FieldArgs headers = args.Fields("headers");

  const std::string_view version = version_id.value_or(std::string_view());
  S3Call& call = S3Call::Begin(Operation::kGetLargeObject, key, target);
  auto& download = Owned<Download>();
  call.Run([&](S3Client& s3) {
    download.headers = HeadersOf(headers, kWithHead | kWithRange);
    S3Request request = HeadObject(call.bucket(), *key, version);
    download.headers.AddTo(kWithHead, &request);
    download.Plan(ParseObjectInfo(s3.Call(std::move(request))));
  });
  if (download.size) call.ShowBytesTotal(*download.size);
  if (!lo) lo = DatumGetObjectId(DirectFunctionCall1(be_lo_create, ObjectIdGetDatum(InvalidOid)));
  const int fd = OpenLargeObject(*lo, INV_WRITE);
  DirectFunctionCall2(be_lo_truncate64, Int32GetDatum(fd), Int64GetDatum(0));
  for (std::size_t part = 0; part < download.part_count; ++part) {
    call.ShowItems(static_cast<std::int64_t>(part), static_cast<std::int64_t>(download.part_count));
    call.Run([&](S3Client& s3) {
      const auto submit = [&](std::size_t id) {
        s3.Submit(id, GetPart(call.bucket(), *key, version, download, id));
      };
      const auto part_of = [&](S3Reply reply) { return PartOf(std::move(reply), &download); };
      download.parts.Advance(download.part_count, Window{kPartsAtOnce}, s3, submit, part_of);
    });
    WriteFully(fd, download.parts.Front());
    download.parts.Pop();
  }
  CloseLargeObject(fd);
  call.Finish();
  PG_RETURN_OID(*lo);
}

}  // namespace neon_s3

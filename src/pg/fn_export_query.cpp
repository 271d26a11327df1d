// s3_export_query: a query's result as an object, sent while the query runs.
#include <cstring>

#include "net/streamed_upload.h"
#include "pg/copy_capture.h"
#include "pg/copy_options.h"
#include "pg/resolve_target.h"
#include "pg/result.h"
#include "pg/s3_call.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kBufferSize = 64 << 10;

struct Output {
  explicit Output(Compression compression) : compressor(compression) {}

  Compressor compressor;
  StreamedUpload upload;
};

// Plain data: rows are collected here, since most are small.
struct Export {
  S3Call* call;
  Output* output;
  char* buffer;
  std::size_t size;
};

const char* ContentType(const CopyOptions& copy) {
  if (copy.compression == Compression::kGzip) return "application/gzip";
  if (copy.compression == Compression::kZstd) return "application/zstd";
  if (std::strcmp(copy.format, "csv") == 0) return "text/csv";
  return std::strcmp(copy.format, "text") == 0 ? "text/plain" : "application/octet-stream";
}

void Send(Export* e, std::string_view bytes) {
  Output& output = *e->output;
  e->call->Run([&](S3Client& s3) {
    output.compressor.Add(bytes, [&](std::string_view piece) { output.upload.Add(s3, piece); });
  });
  e->call->ShowItems(output.upload.part_count(), -1);
}

void SendBuffer(Export* e) {
  const std::size_t size = e->size;
  e->size = 0;
  Send(e, {e->buffer, size});
}

void Take(void* context, const char* bytes, std::size_t size) {
  auto* e = static_cast<Export*>(context);
  if (size > kBufferSize - e->size) SendBuffer(e);
  if (size > kBufferSize) return Send(e, {bytes, size});
  std::memcpy(e->buffer + e->size, bytes, size);
  e->size += size;
}

void FinishUpload(Export* e) {
  SendBuffer(e);
  Output& output = *e->output;
  e->call->Run([&](S3Client& s3) {
    output.compressor.Finish([&](std::string_view piece) { output.upload.Add(s3, piece); });
    output.upload.Finish(s3);
  });
}

// ---------------------------------------------------------------- what fails leaves nothing

void Abandon(const Export& e) {
  e.call->RunLast([&](S3Client& s3) { e.output->upload.Abandon(s3); });
}

// A session that is terminated does not get to PG_CATCH(): its transaction's end takes the memory.
struct Watch {
  ~Watch() {
    if (running != nullptr) Abandon(*running);
  }

  const Export* running = nullptr;
};

std::uint64_t Run(Export* e, const char* query, List* options) {
  volatile std::uint64_t rows = 0;
  auto& watch = Owned<Watch>();
  watch.running = e;
  PG_TRY();
  {
    rows = CopyQueryTo(query, options, {Take, e});
    FinishUpload(e);
  }
  PG_CATCH();
  {
    watch.running = nullptr;
    Abandon(*e);
    PG_RE_THROW();
  }
  PG_END_TRY();
  watch.running = nullptr;
  return rows;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_export_query);
Datum neon_s3_export_query(PG_FUNCTION_ARGS) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  ArgReader args(fcinfo);
  const OptionalText text = args.ServerText();
  const char* query = pnstrdup(text->data(), text->size());
  const OptionalText key = args.Text();
  const OptionalText format = args.ServerText();
  const CopyOptions copy = ReadCopyOptions(format, args.Json(), *key);
  const Target target = ReadTarget(args);

  S3Call& call = S3Call::Begin(Operation::kExportQuery, key, target);
  auto& output = Owned<Output>(copy.compression);
  // All of the target is read before the query runs, which may change what it has views of.
  call.Run([&](S3Client&) { output.upload.Begin(call.bucket(), *key, ContentType(copy)); });
  Export e = {&call, &output, static_cast<char*>(palloc(kBufferSize)), 0};
  const std::uint64_t rows = Run(&e, query, copy.options);
  Row row;
  row.BigInt(static_cast<std::int64_t>(rows));
  row.BigInt(output.upload.size());
  row.Integer(output.upload.part_count());
  const Datum result = row.Finish(fcinfo);
  call.Finish();
  return result;
}

}  // namespace neon_s3

#include "core/compression.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kBufferSize = 128 << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib's words for: the largest one, in gzip's format
constexpr int kGzipMemory = 8;        // zlib's default
constexpr int kLongestWindow = 27;    // 128 MiB, what the program zstd takes

// zlib counts in 32 bits.
uInt Clamped(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

Bytef* InputOf(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

const char* NameOf(Compression compression) {
  return compression == Compression::kGzip ? "gzip" : "zstd";
}

[[noreturn]] void RaiseBadFormat(Compression compression, const char* problem,
                                 const std::string& detail, const char* hint) {
  throw Error(ErrorCode::kBadFormat, std::string(NameOf(compression)) + " data " + problem, hint,
              detail);
}

[[noreturn]] void RaiseInvalid(Compression compression, const char* reason) {
  RaiseBadFormat(compression, "is invalid", reason == nullptr ? "" : std::string(reason) + ".",
                 "The option compression says what the object is: none, gzip or zstd.");
}

}  // namespace

Compression ParseCompression(std::string_view name) {
  if (name == "none") return Compression::kNone;
  if (name == "gzip") return Compression::kGzip;
  if (name == "zstd") return Compression::kZstd;
  throw Error(ErrorCode::kBadArgument, "compression \"" + std::string(name) + "\" is not known",
              "Use none, gzip or zstd.");
}

Compression CompressionOfKey(std::string_view key) {
  const std::string lower = LowerCase(key);
  if (EndsWith(lower, ".gz")) return Compression::kGzip;
  if (EndsWith(lower, ".zst")) return Compression::kZstd;
  return Compression::kNone;
}

// ---------------------------------------------------------------- compression

struct Compressor::Stream {
  explicit Stream(Compression kind) : compression(kind) {
    if (compression == Compression::kZstd) {
      zstd.reset(ZSTD_createCStream());
      if (!zstd) throw std::bad_alloc();
      ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_checksumFlag, 1);
    } else if (deflateInit2(&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kGzipMemory,
                            Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Stream() {
    if (compression == Compression::kGzip) deflateEnd(&zlib);
  }
  Stream(const Stream&) = delete;

  // How many bytes come out. True in `is_finished` once the stream has its end.
  std::size_t Deflate(std::string_view* in, bool is_last, bool* is_finished) {
    zlib.next_in = InputOf(*in);
    zlib.avail_in = Clamped(in->size());
    zlib.next_out = reinterpret_cast<Bytef*>(buffer);
    zlib.avail_out = kBufferSize;
    const uInt before = zlib.avail_in;
    *is_finished = deflate(&zlib, is_last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
    in->remove_prefix(before - zlib.avail_in);
    return kBufferSize - zlib.avail_out;
  }
  std::size_t Zstd(std::string_view* in, bool is_last, bool* is_finished) {
    ZSTD_inBuffer input{in->data(), in->size(), 0};
    ZSTD_outBuffer output{buffer, kBufferSize, 0};
    const std::size_t left =
        ZSTD_compressStream2(zstd.get(), &output, &input, is_last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) throw std::bad_alloc();
    *is_finished = is_last && left == 0;
    in->remove_prefix(input.pos);
    return output.pos;
  }

  struct Free {
    void operator()(ZSTD_CStream* stream) const { ZSTD_freeCStream(stream); }
  };
  const Compression compression;
  z_stream zlib = {};
  std::unique_ptr<ZSTD_CStream, Free> zstd;
  char buffer[kBufferSize];
};

Compressor::Compressor(Compression compression) {
  if (compression != Compression::kNone) stream_ = std::make_unique<Stream>(compression);
}
Compressor::~Compressor() = default;

std::string_view Compressor::Step(std::string_view* in, bool is_last) {
  if (!stream_) {
    is_finished_ = is_last;
    return std::exchange(*in, {});
  }
  const std::size_t size = stream_->compression == Compression::kGzip
                               ? stream_->Deflate(in, is_last, &is_finished_)
                               : stream_->Zstd(in, is_last, &is_finished_);
  return {stream_->buffer, size};
}

// ---------------------------------------------------------------- decompression

struct Decompressor::Stream {
  explicit Stream(Compression kind) : compression(kind) {
    if (compression == Compression::kZstd) {
      zstd.reset(ZSTD_createDStream());
      if (!zstd) throw std::bad_alloc();
      ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, kLongestWindow);
    } else if (inflateInit2(&zlib, kGzipWindow) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Stream() {
    if (compression == Compression::kGzip) inflateEnd(&zlib);
  }
  Stream(const Stream&) = delete;

  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  const Compression compression;
  z_stream zlib = {};
  std::unique_ptr<ZSTD_DStream, Free> zstd;
  bool is_between = false;  // members or frames: the last one is whole
};

Decompressor::Decompressor(Compression compression) {
  if (compression != Compression::kNone) stream_ = std::make_unique<Stream>(compression);
}
Decompressor::~Decompressor() = default;

std::size_t Decompressor::Read(std::string_view* in, char* out, std::size_t capacity) {
  if (!stream_) {
    const std::size_t size = std::min(in->size(), capacity);
    if (size > 0) std::memcpy(out, in->data(), size);
    in->remove_prefix(size);
    return size;
  }
  return stream_->compression == Compression::kGzip ? Inflate(in, out, capacity)
                                                    : Unzstd(in, out, capacity);
}

std::size_t Decompressor::Inflate(std::string_view* in, char* out, std::size_t capacity) {
  z_stream& zlib = stream_->zlib;
  zlib.next_out = reinterpret_cast<Bytef*>(out);
  zlib.avail_out = Clamped(capacity);
  const uInt room = zlib.avail_out;
  while (zlib.avail_out > 0) {
    if (stream_->is_between && in->empty()) break;
    if (std::exchange(stream_->is_between, false)) inflateReset(&zlib);
    zlib.next_in = InputOf(*in);
    zlib.avail_in = Clamped(in->size());
    const uInt before = zlib.avail_in;
    const int code = inflate(&zlib, Z_NO_FLUSH);
    in->remove_prefix(before - zlib.avail_in);
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code == Z_BUF_ERROR) break;  // it wants more of `in`
    stream_->is_between = code == Z_STREAM_END;
    if (code != Z_OK && !stream_->is_between) RaiseInvalid(Compression::kGzip, zlib.msg);
  }
  return room - zlib.avail_out;
}

std::size_t Decompressor::Unzstd(std::string_view* in, char* out, std::size_t capacity) {
  ZSTD_outBuffer output{out, capacity, 0};
  while (output.pos < capacity) {
    if (stream_->is_between && in->empty()) break;
    ZSTD_inBuffer input{in->data(), in->size(), 0};
    const std::size_t before = output.pos;
    const std::size_t left = ZSTD_decompressStream(stream_->zstd.get(), &output, &input);
    if (ZSTD_isError(left)) RaiseInvalid(Compression::kZstd, ZSTD_getErrorName(left));
    in->remove_prefix(input.pos);
    stream_->is_between = left == 0;
    if (input.pos == 0 && output.pos == before) break;  // it wants more of `in`
  }
  return output.pos;
}

void Decompressor::CheckEnd() const {
  if (!stream_ || stream_->is_between) return;
  RaiseBadFormat(stream_->compression, "ends too early", "",
                 "The object was cut when it was written, or is not compressed.");
}

}  // namespace neon_s3

#include "core/compression.h"

#include <string>

#include <gtest/gtest.h>
#include <zstd.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

constexpr Compression kAll[] = {Compression::kNone, Compression::kGzip, Compression::kZstd};

// Not in step with any buffer, and neither all the same nor random.
std::string Sample(std::size_t size) {
  std::string sample;
  for (unsigned n = 0; sample.size() < size; ++n) sample += std::to_string(n * n) + ",";
  sample.resize(size);
  return sample;
}

std::string Compressed(Compression compression, std::string_view bytes, std::size_t step) {
  std::string out;
  const auto write = [&](std::string_view piece) { out.append(piece); };
  Compressor compressor(compression);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    compressor.Add(bytes.substr(at, step), write);
  }
  compressor.Finish(write);
  return out;
}

std::string Decompressed(Compression compression, std::string_view bytes, std::size_t step,
                         std::size_t capacity) {
  std::string out;
  std::string buffer(capacity, '\0');
  Decompressor decompressor(compression);
  for (;;) {
    std::string_view in = bytes.substr(0, step);
    const std::size_t offered = in.size();
    const std::size_t count = decompressor.Read(&in, buffer.data(), capacity);
    bytes.remove_prefix(offered - in.size());
    out.append(buffer, 0, count);
    if (offered == 0 && count == 0) break;
  }
  decompressor.CheckEnd();
  return out;
}

std::string Decompressed(Compression compression, std::string_view bytes) {
  return Decompressed(compression, bytes, 4096, 4096);
}

TEST(Compression, Names) {
  EXPECT_EQ(ParseCompression("none"), Compression::kNone);
  EXPECT_EQ(ParseCompression("gzip"), Compression::kGzip);
  EXPECT_EQ(ParseCompression("zstd"), Compression::kZstd);
  EXPECT_ERROR(ErrorCode::kBadArgument, ParseCompression(""));
  EXPECT_ERROR(ErrorCode::kBadArgument, ParseCompression("GZIP"));
}

TEST(Compression, IsWhatTheKeyEndsIn) {
  EXPECT_EQ(CompressionOfKey("a.csv"), Compression::kNone);
  EXPECT_EQ(CompressionOfKey("a.csv.gz"), Compression::kGzip);
  EXPECT_EQ(CompressionOfKey("A.CSV.GZ"), Compression::kGzip);
  EXPECT_EQ(CompressionOfKey("a.zst"), Compression::kZstd);
  EXPECT_EQ(CompressionOfKey("gz"), Compression::kNone);
  EXPECT_EQ(CompressionOfKey("a.gz.csv"), Compression::kNone);
}

TEST(Compression, GivesBackWhatItTook) {
  for (const Compression compression : kAll) {
    for (const std::size_t size : {0u, 1u, 1000u, 131072u, 1000003u}) {
      const std::string sample = Sample(size);
      for (const std::size_t step : {size_t{999}, size_t{131072}, sample.size() + 1}) {
        const std::string bytes = Compressed(compression, sample, step);
        EXPECT_EQ(Decompressed(compression, bytes, 1000, 70000), sample) << size;
        EXPECT_EQ(Decompressed(compression, bytes, bytes.size() + 1, 313), sample) << size;
        if (compression != Compression::kNone && size > 10000) {
          EXPECT_LT(bytes.size(), size / 2);
        }
      }
    }
  }
}

TEST(Compression, TakesOneByteAtATime) {
  const std::string sample = Sample(3000);
  for (const Compression compression : kAll) {
    const std::string bytes = Compressed(compression, sample, 1);
    EXPECT_EQ(Decompressed(compression, bytes, 1, 1), sample);
  }
}

TEST(Compression, ReadsSeveralStreamsInARow) {
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    const std::string bytes = Compressed(compression, Sample(50000), 50000) +
                              Compressed(compression, "", 1) + Compressed(compression, "end", 3);
    for (const std::size_t step : {size_t{1}, size_t{777}, bytes.size()}) {
      EXPECT_EQ(Decompressed(compression, bytes, step, 4096), Sample(50000) + "end");
    }
  }
}

TEST(Compression, RefusesWhatIsCut) {
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    const std::string bytes = Compressed(compression, Sample(50000), 50000);
    for (std::size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 997) {
      EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(compression, bytes.substr(0, size)));
    }
    EXPECT_ERROR(ErrorCode::kBadFormat,
                 Decompressed(compression, bytes.substr(0, bytes.size() - 1)));
  }
}

TEST(Compression, RefusesWhatIsNone) {
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    const std::string bytes = Compressed(compression, Sample(50000), 50000);
    EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(compression, "n,name\n1,one\n"));
    EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(compression, bytes + "n,name\n1,one\n"));
    std::string broken = bytes;
    broken[broken.size() - 2] ^= 1;  // of the checksum
    EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(compression, broken));
    broken = bytes;
    broken[broken.size() / 2] ^= 1;
    EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(compression, broken));
  }
}

TEST(Compression, TakesNoFrameThatWantsMuchMemory) {
  const auto framed = [](int window) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window);
    std::string out(1000, '\0'), in(100, 'x');
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush);  // so that it has a window
    ZSTD_compressStream2(context, &output, &input, ZSTD_e_end);
    ZSTD_freeCCtx(context);
    return out.substr(0, output.pos);
  };
  EXPECT_EQ(Decompressed(Compression::kZstd, framed(27)), std::string(100, 'x'));
  EXPECT_ERROR(ErrorCode::kBadFormat, Decompressed(Compression::kZstd, framed(28)));
}

}  // namespace
}  // namespace neon_s3

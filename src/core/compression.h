// Streams of gzip and zstd: any number of bytes through bounded memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace neon_s3 {

enum class Compression { kNone, kGzip, kZstd };

// "none", "gzip" or "zstd"; kBadArgument for another name.
Compression ParseCompression(std::string_view name);
// As the key's ending says, in any case: ".gz" or ".zst".
Compression CompressionOfKey(std::string_view key);

// Compresses what is written to it. kNone hands the bytes on as they are.
class Compressor {
 public:
  explicit Compressor(Compression compression);
  ~Compressor();

  // `write(bytes)` is called for what comes out, which it takes before it returns.
  template <typename Write>
  void Add(std::string_view bytes, const Write& write) {
    while (!bytes.empty()) Emit(Step(&bytes, false), write);
  }
  // The rest, with the end of the stream; nothing is added afterwards.
  template <typename Write>
  void Finish(const Write& write) {
    while (!is_finished_) {
      std::string_view none;
      Emit(Step(&none, true), write);
    }
  }

 private:
  struct Stream;

  template <typename Write>
  static void Emit(std::string_view bytes, const Write& write) {
    if (!bytes.empty()) write(bytes);
  }
  // Takes bytes away from the front of `in`. What comes out is good until the next step.
  std::string_view Step(std::string_view* in, bool is_last);

  std::unique_ptr<Stream> stream_;  // null: nothing is compressed
  bool is_finished_ = false;
};

// Reads a compressed stream: gzip members, or zstd frames, one after the other. The memory that it
// takes does not depend on how much comes out. kBadFormat for what is no such stream, for one that
// is cut, and for a zstd frame with a window of more than 128 MiB.
class Decompressor {
 public:
  explicit Decompressor(Compression compression);
  ~Decompressor();

  // Takes bytes away from the front of `in`; at most `capacity` come out, as many as it returns. It
  // leaves no `in` unless `out` is full; without `in` comes what it still has.
  std::size_t Read(std::string_view* in, char* out, std::size_t capacity);
  // Once there is no more to read: the stream must have ended.
  void CheckEnd() const;

 private:
  struct Stream;

  std::size_t Inflate(std::string_view* in, char* out, std::size_t capacity);
  std::size_t Unzstd(std::string_view* in, char* out, std::size_t capacity);

  std::unique_ptr<Stream> stream_;
};

}  // namespace neon_s3

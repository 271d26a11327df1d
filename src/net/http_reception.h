// The response of one request, as it arrives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/http_message.h"
#include "net/http_exchange.h"

namespace neon_s3 {

// What libcurl's callbacks leave behind: they note what is wrong and end the transfer. Any function
// here may throw std::bad_alloc, and nothing else.
struct HttpReception {
  HttpResponse response;
  std::size_t headers_size = 0;
  std::size_t max_body_size = 0;
  std::int64_t to_skip = 0;  // bytes before those that are kept
  bool is_cut = false;       // what follows those that are kept is not wanted
  bool is_enough = false;    // all of them are there
  bool has_body = false;
  std::size_t memory_size = 0;  // of the caller's memory
  char* memory = nullptr;       // where the body goes; null: into the response
  bool is_waiting = false;      // for that memory
  bool is_wish_told = false;
  bool too_large = false;
  bool out_of_memory = false;
  const char* problem = nullptr;  // why the reply is malformed

  bool is_over() const { return is_enough || too_large || out_of_memory || problem != nullptr; }

  // One line of the head, with its line break.
  void AddHeaderLine(std::string_view line);
  void EndHeaders();
  // `announced`: the Content-Length, negative if there is none.
  void BeginBody(long status, std::int64_t announced, const HttpLimits& limits);
  void AddToBody(std::string_view bytes, const HttpLimits& limits);

  // How much memory the body waits for, told once; 0 if it waits for none.
  std::size_t TakeWish();
  void Lend(char* lent);

 private:
  void BeginRange(long status, std::int64_t announced, const ByteRange& range);
};

}  // namespace neon_s3

#include "net/http_reception.h"

#include <algorithm>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::size_t kMaxHeadersSize = 64 << 10;
constexpr std::size_t kHugeBody = 4 << 20;
constexpr const char* kTooManyBytes = "It has more bytes than were asked for.";

// A third of the time of a large GET went into page faults.
void AdviseHugePages(char* memory, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto start = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + size) / page * page;
  madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);  // or not
}

// Whoever reads the first of two is told another thing than who reads the last.
const char* ContradictionIn(const std::vector<HttpHeader>& headers) {
  constexpr struct {
    std::string_view name;
    const char* problem;
  } kSingle[] = {
      {"content-length", "It has two different Content-Length headers."},
      {"content-range", "It has two different Content-Range headers."},
      {"etag", "It has two different ETag headers."},
  };
  for (const auto& [name, problem] : kSingle) {
    const HttpHeader* first = nullptr;
    for (const HttpHeader& header : headers) {
      if (!EqualsLower(header.name, name)) continue;
      if (first != nullptr && first->value != header.value) return problem;
      first = &header;
    }
  }
  return nullptr;
}

}  // namespace

void HttpReception::AddHeaderLine(std::string_view line) {
  headers_size += line.size();
  too_large = headers_size > kMaxHeadersSize;
  if (too_large) return;
  // An interim response came before this one, or one to an Expect that libcurl takes back.
  if (StartsWith(line, "HTTP/")) {
    response = HttpResponse();
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  response.headers.push_back({std::string(line.substr(0, colon)),
                              SecretString(WithoutOuterSpace(line.substr(colon + 1)))});
}

void HttpReception::EndHeaders() { problem = ContradictionIn(response.headers); }

void HttpReception::BeginBody(long status, std::int64_t announced, const HttpLimits& limits) {
  const bool succeeded = status / 100 == 2;
  has_body = true;
  max_body_size =
      succeeded ? limits.max_body_size : std::min(limits.max_body_size, limits.max_error_size);
  if (succeeded && limits.range) BeginRange(status, announced, *limits.range);
  if (announced < 0 || is_over()) return;
  // Memory for all of it at once: growing would copy what is there.
  const auto most = max_body_size;
  auto size = static_cast<std::size_t>(std::max<std::int64_t>(announced - to_skip, 0));
  too_large = size > most && !is_cut;
  if (too_large) return;
  size = std::min(size, most);
  if (limits.lends_memory && size >= kHugeBody) {
    memory_size = size;
    is_waiting = true;
    return;
  }
  response.body.reserve(size);
  if (size >= kHugeBody) AdviseHugePages(response.body.data(), size);
}

void HttpReception::BeginRange(long status, std::int64_t announced, const ByteRange& range) {
  const auto [start, length] = range;
  const auto most = static_cast<std::int64_t>(max_body_size);
  if (status == 206 && length) {
    max_body_size = static_cast<std::size_t>(std::min(most, *length));
    if (announced > *length) problem = kTooManyBytes;
  }
  if (status != 200) return;
  to_skip = start;
  is_cut = length.has_value();
  if (start > most || length.value_or(0) > most - start) {
    problem = "It has the whole object where a range was asked for.";
  }
  if (length) max_body_size = static_cast<std::size_t>(*length);
}

void HttpReception::AddToBody(std::string_view bytes, const HttpLimits& limits) {
  const auto skipped = std::min(to_skip, static_cast<std::int64_t>(bytes.size()));
  bytes.remove_prefix(static_cast<std::size_t>(skipped));
  to_skip -= skipped;
  response.skipped += skipped;
  std::size_t room = max_body_size - response.body_size();
  if (memory != nullptr) room = std::min(room, memory_size - response.placed);
  if (bytes.size() > room) {
    is_enough = is_cut;
    if (!is_cut && limits.range && limits.range->length) {
      problem = kTooManyBytes;
    }
    too_large = !is_enough && problem == nullptr;
    bytes = bytes.substr(0, is_cut ? room : 0);
  }
  if (memory == nullptr) {
    response.body.append(bytes);
  } else {
    std::copy(bytes.begin(), bytes.end(), memory + response.placed);
    response.placed += bytes.size();
  }
}

std::size_t HttpReception::TakeWish() {
  if (!is_waiting || is_wish_told) return 0;
  is_wish_told = true;
  return memory_size;
}

void HttpReception::Lend(char* lent) {
  memory = lent;
  is_waiting = false;
  AdviseHugePages(memory, memory_size);
}

}  // namespace neon_s3

// The head of a reply and its body, as they arrive: what is kept is what was asked for.
#include "core/s3_response.h"
#include "core/text.h"
#include "net/http_reception.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

// A header is what stands in the last of the heads.
void CheckHeaders(std::string_view head, const HttpResponse& response) {
  const std::size_t status_line = ("\n" + std::string(head)).rfind("\nHTTP/");
  std::string_view rest = status_line == std::string::npos ? head : head.substr(status_line);
  auto header = response.headers.begin();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    const std::size_t colon = line.find(':');
    if (colon == line.npos || StartsWith(line, "HTTP/")) continue;
    Require(header != response.headers.end() && header->name == line.substr(0, colon));
    Require(std::string_view(header->value) == WithoutOuterSpace(line.substr(colon + 1)));
    ++header;
  }
  Require(header == response.headers.end());
}

void AddHead(std::string_view head, HttpReception* reception) {
  while (!head.empty() && !reception->is_over()) {
    const std::size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    reception->AddHeaderLine(head.substr(0, end));
    head.remove_prefix(end);
  }
  if (!reception->is_over()) reception->EndHeaders();
}

// What of the whole a range of it is.
std::string_view Kept(std::string_view body, const ByteRange& range) {
  const auto start = std::min(static_cast<std::size_t>(range.start), body.size());
  return body.substr(start, static_cast<std::size_t>(range.length.value_or(INT64_MAX)));
}

void CheckReply(Input& input) {
  const auto status = static_cast<int>(input.Number() % 600);
  const std::int64_t announced = input.Number(), start = input.Number(), length = input.Number();
  S3Request request = GetObject("bucket", "key");
  HttpLimits limits{};
  limits.max_body_size = 1000;
  if (start != 0 || length != 0) {
    SetRange({start, length == 0 ? std::nullopt : std::optional(length)}, &request);
    limits.range = request.range;
  }
  const std::string_view head = input.Field();
  HttpReception reception;
  AddHead(head, &reception);
  if (reception.is_over()) return;
  CheckHeaders(head, reception.response);

  std::string whole;
  reception.response.status = status;
  reception.BeginBody(status, announced, limits);
  while (!input.empty() && !reception.is_over()) {
    const std::string_view piece = input.Field();
    whole.append(piece);
    reception.AddToBody(piece, limits);
  }
  if (reception.problem != nullptr || reception.too_large) return;
  const HttpResponse& response = reception.response;
  Require(response.body_size() <= limits.max_body_size);
  const bool is_cut = status == 200 && limits.range;
  Require(response.body == (is_cut ? Kept(whole, *limits.range) : whole));
  CheckObject(request, response);
  Require(!limits.range || !limits.range->length ||
          response.body_size() <= static_cast<std::size_t>(*limits.range->length));
}

void CheckInfo(std::string_view head) {
  HttpReception reception;
  AddHead(head, &reception);
  Accepts([&] {
    const ObjectInfo info = ParseObjectInfo(reception.response);
    for (const std::string* text :
         {&info.etag, &info.content_type, &info.version_id, &info.storage_class}) {
      Require(IsValidUtf8(*text));
    }
    for (const auto& [name, value] : info.metadata)
      Require(IsValidUtf8(name) && IsValidUtf8(value));
    Require(info.size.value_or(0) >= 0);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Accepts([&] { CheckReply(input); });
  CheckInfo({reinterpret_cast<const char*>(data), size});
  return 0;
}

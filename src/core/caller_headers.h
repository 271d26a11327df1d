// The headers that a caller adds to an operation on objects: which there can be, and which of the
// operation's requests each goes with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/http_message.h"
#include "core/s3_request.h"

namespace neon_s3 {

// Requests, as bits of a set.
enum HeaderUse : unsigned {
  kWithGet = 1 << 0,
  kWithRange = 1 << 1,  // GetObject for a part of what HeadObject told of
  kWithHead = 1 << 2,
  kWithPut = 1 << 3,
  kWithCreateUpload = 1 << 4,
  kWithPart = 1 << 5,
  kWithComplete = 1 << 6,
  kWithOther = 1 << 7,  // whatever an operation asks besides
  kWithCopy = 1 << 8,
  kWithCopiedPart = 1 << 9,
};

// Whether a header's value is a secret: the key of SSE-C. `name` is in lower case.
bool IsSecretHeader(std::string_view name);

// Whether a copy takes this header from its source, unless it is given. `name` is in lower case.
bool IsAttributeHeader(std::string_view name);
// All of them but x-amz-meta-*.
std::vector<std::string_view> AttributeHeaders();

class CallerHeaders {
 public:
  CallerHeaders() = default;
  // For an operation that may send these requests.
  explicit CallerHeaders(unsigned requests) : requests_(requests) {}

  // kBadArgument for what is no header, has control characters, is the client's own to set, has no
  // effect on the operation, or is there already; kTooLarge for more than a request can have.
  void Add(std::string_view name, std::string_view value);

  // Those that go with this request. kBadArgument where it has one of them already.
  void AddTo(HeaderUse use, S3Request* request) const;
  // Those that a copy needs to ask for its source, under the names they have there.
  void AddToSource(S3Request* request) const;

  // `name` is in lower case.
  bool Has(std::string_view name) const;
  // Empty where it is not there.
  std::string_view Get(std::string_view name) const;
  const std::vector<HttpHeader>& all() const { return headers_; }

 private:
  unsigned requests_ = 0;
  std::size_t bytes_ = 0;
  std::vector<HttpHeader> headers_;  // names in lower case
};

}  // namespace neon_s3

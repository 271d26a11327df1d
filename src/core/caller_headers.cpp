#include "core/caller_headers.h"

#include <algorithm>
#include <iterator>

#include "core/encoding.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/presign.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

struct HeaderRule {
  std::string_view name;       // with "*" at its end, of all that start so
  unsigned requests;           // none: the client's own to set
  bool is_attribute;           // of the object, so that a copy takes it from its source
  std::string_view at_source;  // its name where a copy asks for its source; empty: not there
  std::string_view hint;
};

constexpr unsigned kDownloads = kWithGet | kWithRange | kWithHead;
constexpr unsigned kUploads = kWithPut | kWithCopy | kWithCreateUpload;
constexpr unsigned kAll = kDownloads | kUploads | kWithPart | kWithCopiedPart | kWithComplete;
constexpr unsigned kEach = kAll | kWithOther;
constexpr unsigned kAsked = kWithGet | kWithHead;
constexpr std::string_view kLeaveOut = "Leave it out; the client sets it where it is needed.";
constexpr std::string_view kOwnChecksum = "Leave it out; the client sends a checksum of its own.";
constexpr std::string_view kFunctionRange = "Use range_start and range_length.";

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
constexpr HeaderRule kRules[] = {
    {"content-type", kUploads, true, "", ""},
    {"cache-control", kUploads, true, "", ""},
    {"content-disposition", kUploads, true, "", ""},
    {"content-encoding", kUploads, true, "", ""},
    {"content-language", kUploads, true, "", ""},
    {"expires", kUploads, true, "", ""},
    {"x-amz-meta-*", kUploads, true, "", ""},
    {"x-amz-website-redirect-location", kUploads, false, "", ""},
    {"x-amz-storage-class", kUploads, false, "", ""},
    {"x-amz-tagging", kUploads, false, "", ""},
    {"x-amz-acl", kUploads, false, "", ""},
    {"x-amz-grant-*", kUploads, false, "", ""},
    {"x-amz-object-lock-*", kUploads, false, "", ""},
    {"x-amz-server-side-encryption", kUploads, false, "", ""},
    {"x-amz-server-side-encryption-aws-kms-key-id", kUploads, false, "", ""},
    {"x-amz-server-side-encryption-bucket-key-enabled", kUploads, false, "", ""},
    {"x-amz-server-side-encryption-context", kUploads, false, "", ""},
    {"x-amz-server-side-encryption-customer-algorithm", kAll, false, "", ""},
    {"x-amz-server-side-encryption-customer-key", kAll, false, "", ""},
    {"x-amz-server-side-encryption-customer-key-md5", kAll, false, "", ""},
    {"x-amz-request-payer", kEach, false, "x-amz-request-payer", ""},
    {"x-amz-expected-bucket-owner", kEach, false, "", ""},
    {"if-match", kAsked | kWithPut | kWithComplete, false, "", ""},
    {"if-none-match", kAsked, false, "", "Set overwrite to false."},
    {"if-modified-since", kAsked, false, "", ""},
    {"if-unmodified-since", kAsked, false, "", ""},
    {"x-amz-checksum-mode", kAsked, false, "", ""},

    {"x-amz-metadata-directive", kWithCopy, false, "", ""},
    {"x-amz-tagging-directive", kWithCopy, false, "", ""},
    {"x-amz-source-expected-bucket-owner", kWithCopy | kWithCopiedPart, false,
     "x-amz-expected-bucket-owner", ""},
    {"x-amz-copy-source-if-match", kWithCopy, false, "if-match", ""},
    {"x-amz-copy-source-if-none-match", kWithCopy, false, "if-none-match", ""},
    {"x-amz-copy-source-if-modified-since", kWithCopy, false, "if-modified-since", ""},
    {"x-amz-copy-source-if-unmodified-since", kWithCopy, false, "if-unmodified-since", ""},
    {"x-amz-copy-source-server-side-encryption-customer-algorithm", kWithCopy | kWithCopiedPart,
     false, "x-amz-server-side-encryption-customer-algorithm", ""},
    {"x-amz-copy-source-server-side-encryption-customer-key", kWithCopy | kWithCopiedPart, false,
     "x-amz-server-side-encryption-customer-key", ""},
    {"x-amz-copy-source-server-side-encryption-customer-key-md5", kWithCopy | kWithCopiedPart,
     false, "x-amz-server-side-encryption-customer-key-md5", ""},

    {"x-amz-copy-source", 0, false, "", kLeaveOut},
    {"x-amz-copy-source-range", 0, false, "", kLeaveOut},
    {"x-amz-content-sha256", 0, false, "", kOwnChecksum},
    {"x-amz-checksum-*", 0, false, "", kOwnChecksum},
    {"x-amz-sdk-checksum-algorithm", 0, false, "", kOwnChecksum},
    {"content-md5", 0, false, "", kOwnChecksum},
    {"x-amz-trailer", 0, false, "", kLeaveOut},
    {"x-amz-decoded-content-length", 0, false, "", kLeaveOut},
    {"range", 0, false, "", kFunctionRange},
    {"if-range", 0, false, "", kFunctionRange},
    {"content-range", 0, false, "", kFunctionRange},
    {"content-length", 0, false, "", kLeaveOut},
    {"date", 0, false, "", kLeaveOut},
    {"transfer-encoding", 0, false, "", kLeaveOut},
    {"connection", 0, false, "", kLeaveOut},
    {"keep-alive", 0, false, "", kLeaveOut},
    {"proxy-*", 0, false, "", kLeaveOut},
    {"expect", 0, false, "", kLeaveOut},
    {"te", 0, false, "", kLeaveOut},
    {"trailer", 0, false, "", kLeaveOut},
    {"upgrade", 0, false, "", kLeaveOut},
};
// What S3 or its like may know besides.
constexpr HeaderRule kOther{"*", kDownloads | kUploads, false, "", ""};

bool Fits(const HeaderRule& rule, std::string_view name) {
  if (rule.name.back() != '*') return rule.name == name;
  return StartsWith(name, rule.name.substr(0, rule.name.size() - 1));
}

const HeaderRule& RuleFor(std::string_view name) {
  const auto* found = std::find_if(std::begin(kRules), std::end(kRules),
                                   [name](const HeaderRule& rule) { return Fits(rule, name); });
  return found == std::end(kRules) ? kOther : *found;
}

[[noreturn]] void Refuse(std::string_view name, const char* reason, std::string_view hint = {}) {
  throw Error(ErrorCode::kBadArgument, "header \"" + WithoutControls(name) + "\" " + reason,
              std::string(hint));
}

constexpr std::string_view kMetadata = "x-amz-meta-";

bool HasHeader(const std::vector<HttpHeader>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [name](const HttpHeader& header) { return header.name == name; });
}

std::size_t MetadataBytes(const S3Request& request) {
  std::size_t bytes = 0;
  for (const HttpHeader& header : request.headers) {
    if (!StartsWith(header.name, kMetadata)) continue;
    bytes += header.name.size() - kMetadata.size() + header.value.size();
  }
  return bytes;
}

}  // namespace

bool IsSecretHeader(std::string_view name) {
  return EndsWith(name, "server-side-encryption-customer-key");
}

bool IsAttributeHeader(std::string_view name) { return RuleFor(name).is_attribute; }

std::vector<std::string_view> AttributeHeaders() {
  std::vector<std::string_view> names;
  for (const HeaderRule& rule : kRules) {
    if (rule.is_attribute && rule.name.back() != '*') names.push_back(rule.name);
  }
  return names;
}

void CallerHeaders::Add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + 2;
  RequireWithin(kHeadersLimit, bytes_);
  if (!IsToken(name)) {
    throw Error(ErrorCode::kBadArgument, "invalid header name \"" + WithoutControls(name) + "\"");
  }
  const std::string lower = LowerCase(name);
  if (IsSetBySigner(lower)) Refuse(lower, "is set by the signer", kLeaveOut);
  const HeaderRule& rule = RuleFor(lower);
  if (rule.requests == 0) Refuse(lower, "is set by the client", rule.hint);
  if ((rule.requests & requests_) == 0) Refuse(lower, "has no effect here", rule.hint);
  if (HasControls(value)) Refuse(lower, "has control characters");
  if (HasHeader(headers_, lower)) Refuse(lower, "is given twice");
  headers_.push_back({lower, SecretString(WithoutOuterSpace(value))});
}

void CallerHeaders::AddTo(HeaderUse use, S3Request* request) const {
  for (const HttpHeader& header : headers_) {
    if ((RuleFor(header.name).requests & use) == 0) continue;
    if (HasHeader(request->headers, header.name)) Refuse(header.name, "is given twice");
    request->headers.push_back(header);
    // It would meet the object that it made itself.
    if (header.name == "if-match" && request->method != "GET" && request->method != "HEAD") {
      request->retry = Retry::kUnsafe;
    }
  }
  RequireWithin(kMetadataLimit, MetadataBytes(*request));
}

void CallerHeaders::AddToSource(S3Request* request) const {
  for (const HttpHeader& header : headers_) {
    const std::string_view name = RuleFor(header.name).at_source;
    const unsigned use = request->method == "HEAD" ? kWithHead : kWithOther;
    if (name.empty() || (RuleFor(name).requests & use) == 0) continue;
    request->headers.push_back({std::string(name), header.value});
  }
}

bool CallerHeaders::Has(std::string_view name) const { return HasHeader(headers_, name); }

std::string_view CallerHeaders::Get(std::string_view name) const {
  for (const HttpHeader& header : headers_) {
    if (header.name == name) return header.value;
  }
  return {};
}

}  // namespace neon_s3

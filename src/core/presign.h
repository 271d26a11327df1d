// Presigned S3 URLs: Signature Version 4 with query parameters, byte-equal to botocore's "s3v4".
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"
#include "core/sigv4.h"

namespace neon_s3 {

// `method` in upper case. kBadArgument unless it is GET, HEAD, PUT, POST or DELETE (case is
// ignored).
std::string_view ParseMethod(std::string_view method);

// kTooLarge where the query gets longer than a URL can be (limits.h). kBadArgument unless a caller
// may add it: no parameter of the signature's own, no control
// characters in a response-* override (they come back as headers).
void AddQueryParameter(std::string_view name, std::string_view value, QueryParameters* query);

// Whether a request's signature brings this header: host, authorization, x-amz-date … In any case.
bool IsSetBySigner(std::string_view name);

// kTooLarge where the headers get larger than a request's can be. kBadArgument unless it is a
// header of RFC 9110 that a caller may sign: no control characters, not "host", and none of the
// signature's own.
void AddSignedHeader(std::string_view name, std::string_view value, SignedHeaders* headers);
// The same for a name that is known to be one of these, in lower case.
void AddKnownHeader(std::string_view name, std::string_view value, SignedHeaders* headers);

// How long a URL of Signature Version 4 can be good for, in seconds.
constexpr std::int64_t kMinExpiry = 1;
constexpr std::int64_t kMaxExpiry = 604800;

struct PresignRequest {
  std::string_view method;  // upper case
  const Address* address;
  std::string_view region;
  std::optional<std::string_view> key;  // raw bytes, not encoded; none: the bucket itself
  std::int64_t expires_in;              // seconds, kMinExpiry to kMaxExpiry
  std::int64_t signed_at;               // seconds since 1970-01-01 00:00:00 UTC
  // The caller's, which Add...() check.
  QueryParameters query;
  SignedHeaders headers;

  // Empties both; their memory is kept for the next request.
  void Clear();
};

// Views that are good until the presigner's next call.
struct PresignedUrl {
  // These four, one after the other, are the URL.
  std::string_view origin;     // https://host
  std::string_view path;       // percent-encoded
  std::string_view query;      // from '?' to "X-Amz-Signature="
  std::string_view signature;  // 64 hexadecimal digits
  std::string_view canonical_request;
  std::string_view string_to_sign;
  std::string_view credential_scope;

  std::size_t size() const;      // of the URL
  void CopyTo(char* out) const;  // the URL, without a NUL
  std::string url() const;
};

// scheme://host/path of the object (or bucket), percent-encoded, without a query.
void AppendObjectUrl(const Address& address, std::optional<std::string_view> key, std::string* out);

// Signs one URL after the other. What URLs of one signer, second and kind have in common, which is
// all but the method, the path and the signature, is built once; most of a statement's URLs then
// cost their two hashes.
class Presigner {
 public:
  PresignedUrl Presign(const PresignRequest& request, const Credentials& credentials);

  // For what is signed in another way with the same keys.
  SigV4Signer& signer() { return signer_; }

 private:
  // Who signs for where, in one second.
  struct Origin {
    std::string scheme, host, region;
    SecretString access_key_id, secret_access_key, session_token;
    std::int64_t signed_at = 0;
  };
  // One kind of URL: what was asked for, and the text that all of that kind share.
  struct Kind {
    std::int64_t expires_in;
    QueryParameters query;
    SignedHeaders headers;
    std::string url_query;       // as in PresignedUrl
    std::string canonical_tail;  // from the line break after the URI on
  };

  static constexpr std::size_t kHashDigits = 64;
  static constexpr std::size_t kMaxKinds = 8;

  bool IsSameOrigin(const PresignRequest& request, const Credentials& credentials) const;
  void BuildOrigin(const PresignRequest& request, const Credentials& credentials);
  const Kind& FindKind(const PresignRequest& request);
  const Kind& BuildKind(const PresignRequest& request);
  void AddSignatureParameters(std::int64_t expires_in, const SignedHeaders& headers,
                              QueryParameters* query);
  char* ReserveCanonicalRequest(std::size_t size);

  SigV4Signer signer_;

  // The last origin; what it needs for every URL; and the kinds it signed.
  Origin origin_;
  std::string origin_text_, scope_;
  std::string string_to_sign_;  // ends in the hash of the last request
  std::optional<HmacSha256Key>
      signing_key_;  // prefixed with all but that; none: there is no origin
  std::vector<Kind> kinds_;

  std::string canonical_request_;  // as large as the largest so far
  char signature_[kHashDigits];
  std::string scratch_;
};

}  // namespace neon_s3

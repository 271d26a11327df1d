// AWS Signature Version 4, one function a stage, under AWS's names. Nothing here knows about S3's
// operations, addresses or the time of day.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/credentials.h"
#include "core/crypto.h"
#include "core/utc_time.h"

namespace neon_s3 {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kS3Service = "s3";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// A list of names and values in one buffer, which keeps its memory from one use to the next.
class FieldList {
 public:
  void Clear();
  bool empty() const { return fields_.empty(); }
  // Bytes of all names and values, with two between one and the next.
  std::size_t size() const { return text_.size() + 2 * fields_.size(); }
  bool Contains(std::string_view name) const;

  // The same fields in the same order.
  bool operator==(const FieldList& other) const;

 protected:
  // What was appended to text_ since the last field ends here.
  void EndName();
  void EndValue();
  // By the bytes of the name, then of the value.
  void Sort();

  struct Field {
    std::uint32_t name, value, end;  // offsets into text_

    bool operator==(const Field& other) const {
      return value == other.value && end == other.end;  // the name starts where the last one ends
    }
  };
  std::string_view name(const Field& field) const;
  std::string_view value(const Field& field) const;

  std::string text_;
  std::vector<Field> fields_;

 private:
  std::uint32_t Offset() const;

  std::uint32_t next_ = 0;  // where the next field starts
};

// Query parameters, percent-encoded when they are added.
class QueryParameters : public FieldList {
 public:
  void Add(std::string_view name, std::string_view value);
  void SortByEncodedName() { Sort(); }

  // name=value&name=value, in the present order.
  void AppendTo(std::string* out) const;
};

// Headers to be signed: names in lower case; values without spaces at the ends, and with runs of
// spaces inside as one space.
class SignedHeaders : public FieldList {
 public:
  void Add(std::string_view name, std::string_view value);
  // In any case.
  bool Contains(std::string_view name) const;
  void SortByName() { Sort(); }

  void AppendCanonicalHeaders(std::string* out) const;  // "name:value\n" each
  void AppendNames(std::string* out) const;             // "a;b;c"
};

// `canonical_uri` is encoded as sent; `query` and `headers` are sorted.
void AppendCanonicalRequest(std::string_view method, std::string_view canonical_uri,
                            const QueryParameters& query, const SignedHeaders& headers,
                            std::string_view payload_hash, std::string* out);

// What follows the URI in it, from the line break on: the part that URLs of one kind have in
// common.
void AppendCanonicalRequestTail(const QueryParameters& query, const SignedHeaders& headers,
                                std::string_view payload_hash, std::string* out);

// 20130524/us-east-1/s3/aws4_request
void AppendCredentialScope(const UtcTime& time, std::string_view region, std::string_view service,
                           std::string* out);

void AppendStringToSign(const UtcTime& time, std::string_view credential_scope,
                        const Sha256Digest& canonical_request_hash, std::string* out);

// All of it but the hash, which comes last.
void AppendStringToSignHead(const UtcTime& time, std::string_view credential_scope,
                            std::string* out);

// HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request").
HmacSha256Key DeriveSigningKey(Sha256& sha256, std::string_view secret_access_key,
                               std::string_view date, std::string_view region,
                               std::string_view service);

// 64 lower-case hexadecimal digits.
void AppendSignature(HmacSha256Key& signing_key, std::string_view string_to_sign, std::string* out);

// The value of the Authorization header.
void AppendAuthorization(std::string_view access_key_id, std::string_view credential_scope,
                         const SignedHeaders& headers, std::string_view signature,
                         std::string* out);

// What of a request its signature covers. `query` and `headers` are sorted, `canonical_uri` is
// encoded as sent.
struct RequestToSign {
  std::string_view method, canonical_uri;
  const QueryParameters& query;
  const SignedHeaders& headers;
  std::string_view payload_hash;
};

// A digest context, and the last signing key: a key serves one secret, day, region and service.
class SigV4Signer {
 public:
  Sha256Digest Digest(std::string_view bytes) { return sha256_.Digest(bytes); }

  // Valid until the next call.
  HmacSha256Key& SigningKey(std::string_view secret_access_key, std::string_view date,
                            std::string_view region, std::string_view service);

  // Every stage, one after the other: the value of the Authorization header.
  SecretString Authorize(const RequestToSign& request, std::string_view region,
                         std::string_view service, const Credentials& credentials,
                         const UtcTime& time);

 private:
  Sha256 sha256_;
  SecretString secret_access_key_;
  std::string date_, region_, service_;
  std::optional<HmacSha256Key> key_;
};

}  // namespace neon_s3

// Requests signed in their headers: Signature Version 4.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#pragma once

#include <string_view>

#include "core/credentials.h"
#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/s3_request.h"
#include "core/sigv4.h"
#include "core/utc_time.h"

namespace neon_s3 {

// Whether the body is part of the signature, or left to the connection that protects it.
enum class Payload { kSigned, kUnsigned };

// Keeps a digest context and the last signing key.
class RequestSigner {
 public:
  // The request as it is sent to `address` (of its bucket; of the endpoint where it names none):
  // all of its headers, host and x-amz-date signed. The body is a view of the S3 request's, which
  // outlives it.
  HttpRequest Sign(const S3Request& request, const Address& address, std::string_view region,
                   const Credentials& credentials, const UtcTime& time, Payload payload);

 private:
  SigV4Signer signer_;
};

// The request of somebody who has no credentials.
HttpRequest WithoutSignature(const S3Request& request, const Address& address);

}  // namespace neon_s3

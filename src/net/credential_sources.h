// The providers that ask another machine: web_identity, container, instance. They are set up by the
// environment, as AWS's tools have it.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/credentials.h"
#include "net/sts.h"

namespace neon_s3 {

// `region` is where STS is asked. Errors: kRefused and kServerFailed by HTTP status,
// kMalformedReply, those of HttpClient::Perform(), and as noted. Each request has a second.
struct CredentialSource {
  // Identifies the source in a cache; nullopt where the environment names none.
  std::optional<std::string> (*identity)(std::string_view region);
  // The credentials; nullopt where the source has none.
  std::optional<OwnedCredentials> (*fetch)(std::string_view region, const FetchContext& context);
};

// AWS_WEB_IDENTITY_TOKEN_FILE (see ReadToken()), AWS_ROLE_ARN (kNoCredentials where it is not set),
// AWS_ROLE_SESSION_NAME. The file is read each time.
extern const CredentialSource kWebIdentitySource;

// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, at 169.254.170.2, or AWS_CONTAINER_CREDENTIALS_FULL_URI,
// with https or at a loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]
// (kNotPermitted elsewhere); AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (like the one above, read each
// time) or AWS_CONTAINER_AUTHORIZATION_TOKEN.
extern const CredentialSource kContainerSource;

// EC2's instance metadata service, version 2 only, at AWS_EC2_METADATA_SERVICE_ENDPOINT or
// 169.254.169.254; none where AWS_EC2_METADATA_DISABLED is true. Where the environment is read,
// AWS_METADATA_SERVICE_TIMEOUT is the seconds that each request has, and
// AWS_METADATA_SERVICE_NUM_ATTEMPTS how often one is sent that fails otherwise than by a refusal:
// 1 to 3600 and 1 to 100 (kBadArgument).
extern const CredentialSource kInstanceSource;

// The one line of a file of FileKind::kToken, trimmed; kCredentialsFile where it is not that.
SecretString ReadToken(std::string_view file);

}  // namespace neon_s3

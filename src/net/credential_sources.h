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

// Of each: what identifies the source in a cache, or nothing where the environment names none; and
// the credentials, or nothing where the source has none. Errors: kRefused and kServerFailed by HTTP
// status, kMalformedReply, those of HttpClient::Perform(), and as noted.

// AWS_WEB_IDENTITY_TOKEN_FILE (of FileKind::kToken, else kCredentialsFile), AWS_ROLE_ARN
// (kNoCredentials where it is not set), AWS_ROLE_SESSION_NAME. The file is read each time.
std::optional<std::string> WebIdentitySource();
OwnedCredentials FetchWebIdentityCredentials(std::string_view region, const FetchContext& context);

// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, at 169.254.170.2, or AWS_CONTAINER_CREDENTIALS_FULL_URI,
// with https or at a loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]
// (kNotPermitted elsewhere); AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (like the one above, read each
// time) or AWS_CONTAINER_AUTHORIZATION_TOKEN.
std::optional<std::string> ContainerSource();
OwnedCredentials FetchContainerCredentials(const FetchContext& context);

// EC2's instance metadata service, version 2 only, at AWS_EC2_METADATA_SERVICE_ENDPOINT or
// 169.254.169.254; none where AWS_EC2_METADATA_DISABLED is true.
std::optional<std::string> InstanceSource();
std::optional<OwnedCredentials> FetchInstanceCredentials(const FetchContext& context);

}  // namespace neon_s3

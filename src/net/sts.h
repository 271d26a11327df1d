// Roles, from the AWS Security Token Service.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/credentials.h"
#include "core/sts_request.h"
#include "net/http_client.h"
#include "net/monotonic.h"

namespace neon_s3 {

// What every request for credentials has in common.
struct FetchContext {
  HttpClient* http;
  bool (*cancelled)();
  bool reads_environment;  // the provider "environment" is listed: its variables may set limits
  const char* ca_file;     // PEM; null: the system's
  const HttpProxy* proxy;  // of STS; null: none
};

// Of a request that starts now.
HttpLimits LimitsOf(const FetchContext& context,
                    std::chrono::seconds time = std::chrono::seconds(1));

// An endpoint to which paths are added: slashes at its end don't count. kBadArgument where it is
// none.
Endpoint ParseServiceUrl(std::string_view url);

// Region of STS: `region`, or $AWS_REGION, or $AWS_DEFAULT_REGION, or us-east-1.
std::string_view StsRegion(std::string_view region);

// What tells one place where STS is asked from another.
std::string StsIdentity(std::string_view region);

// Where STS is asked: $AWS_ENDPOINT_URL_STS, or the region's own endpoint. kBadArgument for a
// region or an endpoint that can be neither.
Endpoint StsEndpoint(std::string_view region);

// The role's credentials, had with others or with a token. kRefused where STS says no;
// kServerFailed and kMalformedReply; the rest like HttpClient::Perform().
OwnedCredentials AssumeRole(const RoleArguments& role, std::string_view region,
                            const Credentials& credentials, const FetchContext& context);
OwnedCredentials AssumeRoleWithWebIdentity(const RoleArguments& role, std::string_view region,
                                           std::string_view token, const FetchContext& context);

}  // namespace neon_s3

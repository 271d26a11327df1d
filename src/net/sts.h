// Roles, from the AWS Security Token Service.
#pragma once

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
  MonotonicTime deadline;
  bool (*cancelled)();
};

HttpLimits LimitsOf(const FetchContext& context);

// An endpoint to which paths are added: slashes at its end don't count. kBadArgument where it is
// none.
Endpoint ParseServiceUrl(std::string_view url);

// Region of STS: `region`, or $AWS_REGION, or $AWS_DEFAULT_REGION, or us-east-1.
std::string_view StsRegion(std::string_view region);

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

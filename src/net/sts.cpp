#include "net/sts.h"

#include <ctime>

#include "core/credential_response.h"
#include "core/encoding.h"
#include "core/error.h"
#include "net/endpoint_url.h"
#include "net/environment.h"

namespace neon_s3 {
namespace {

OwnedCredentials Send(StsRequest message, const RoleArguments& role, const FetchContext& context) {
  HttpRequest request{"POST", std::move(message.url), std::move(message.headers), message.body};
  HttpLimits limits = LimitsOf(context);
  limits.proxy = context.proxy;
  HttpResponse response = context.http->Perform(request, limits);
  if (response.status == 200)
    return ParseAssumeRoleResponse(TakeSecret(std::move(response.body)), "STS");

  const int status = response.status;
  const std::string name = "\"" + WithoutControls(role.role_arn) + "\"";
  const std::string detail =
      DescribeErrorReply(ParseErrorResponse(TakeSecret(std::move(response.body))), status);
  if (status >= 500) {
    throw Error(ErrorCode::kServerFailed, "STS failed to give the role " + name, "", detail);
  }
  if (status < 400) {
    throw Error(ErrorCode::kMalformedReply, "malformed reply from STS", "", detail);
  }
  throw Error(ErrorCode::kRefused, "STS refused the role " + name,
              "Check the role's trust policy, the credentials or token, and the server's clock.",
              detail);
}

}  // namespace

HttpLimits LimitsOf(const FetchContext& context, std::chrono::seconds time) {
  HttpLimits limits;
  limits.deadline = MonotonicNow() + time;
  limits.max_body_size = kMaxCredentialReplySize;
  limits.cancelled = context.cancelled;
  limits.ca_file = context.ca_file;
  return limits;
}

Endpoint ParseServiceUrl(std::string_view url) {
  Endpoint endpoint = ParseEndpointUrl(std::string(url));
  std::string& path = endpoint.base_path;
  while (!path.empty() && path.back() == '/') path.pop_back();
  return endpoint;
}

std::string_view StsRegion(std::string_view region) {
  if (region.empty()) region = EnvironmentVariable("AWS_REGION");
  if (region.empty()) region = EnvironmentVariable("AWS_DEFAULT_REGION");
  return region.empty() ? "us-east-1" : region;
}

std::string StsIdentity(std::string_view region) {
  return std::string(StsRegion(region)) + '\0' +
         std::string(EnvironmentVariable("AWS_ENDPOINT_URL_STS"));
}

Endpoint StsEndpoint(std::string_view region) {
  const std::string_view url = EnvironmentVariable("AWS_ENDPOINT_URL_STS");
  if (!url.empty()) return ParseServiceUrl(url);
  const std::string_view name = StsRegion(region);
  ValidateRegion(name);
  return AwsEndpoint(name, "sts");
}

OwnedCredentials AssumeRole(const RoleArguments& role, std::string_view region,
                            const Credentials& credentials, const FetchContext& context) {
  // The time of day, whatever time the caller signs for: STS takes none that is minutes off.
  const UtcTime now(std::time(nullptr));
  return Send(MakeAssumeRole(StsEndpoint(region), StsRegion(region), role, credentials, now), role,
              context);
}

OwnedCredentials AssumeRoleWithWebIdentity(const RoleArguments& role, std::string_view region,
                                           std::string_view token, const FetchContext& context) {
  return Send(MakeAssumeRoleWithWebIdentity(StsEndpoint(region), role, token), role, context);
}

}  // namespace neon_s3

#include "net/credential_sources.h"

#include <algorithm>
#include <iterator>

#include <arpa/inet.h>

#include "core/credential_response.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "net/environment.h"
#include "net/file_reader.h"

namespace neon_s3 {
namespace {

constexpr char kContainerSource[] = "the container credentials endpoint";
constexpr char kInstanceSource[] = "instance metadata";

SecretString ReadToken(std::string_view file) {
  const std::string path(file);
  std::optional<FileText> contents = ReadFile(path, FileKind::kToken);
  if (!contents) RefuseMissingFile(path);
  const std::size_t end = contents->text.find_last_not_of(" \t\r\n");
  contents->text.resize(end == SecretString::npos ? 0 : end + 1);
  if (!contents->text.empty() && !HasControls(contents->text)) return std::move(contents->text);
  throw Error(ErrorCode::kCredentialsFile,
              "token file \"" + WithoutControls(path) + "\" does not hold one line with a token");
}

HttpResponse Ask(const FetchContext& context, const char* method, const std::string& url,
                 std::vector<HttpHeader> headers, bool metadata) {
  HttpLimits limits = LimitsOf(context);
  limits.may_reach_metadata = metadata;
  return context.http->Perform({method, url, std::move(headers), {}}, limits);
}

// The body of a 200.
SecretString Require(HttpResponse response, const char* source) {
  if (response.status == 200) return TakeSecret(std::move(response.body));
  const std::string detail = "HTTP status " + std::to_string(response.status);
  if (response.status >= 500) {
    throw Error(ErrorCode::kServerFailed, std::string(source) + " failed", "", detail);
  }
  if (response.status < 400) {
    throw Error(ErrorCode::kMalformedReply, "malformed reply from " + std::string(source), "",
                detail);
  }
  throw Error(ErrorCode::kRefused, std::string(source) + " refused to give credentials", "",
              detail);
}

// Loopback addresses, and those of the agents of ECS and EKS.
bool IsContainerHost(const std::string& host) {
  constexpr std::string_view kAgents[] = {"169.254.170.2", "169.254.170.23", "localhost"};
  if (std::find(std::begin(kAgents), std::end(kAgents), host) != std::end(kAgents)) return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  if (host.front() != '[') return false;
  const std::string address = host.substr(1, host.size() - 2);
  in6_addr ipv6, agent;
  inet_pton(AF_INET6, "fd00:ec2::23", &agent);
  return inet_pton(AF_INET6, address.c_str(), &ipv6) == 1 &&
         (IN6_IS_ADDR_LOOPBACK(&ipv6) || IN6_ARE_ADDR_EQUAL(&ipv6, &agent));
}

struct ContainerUrl {
  std::string url;
  bool is_agent;  // at an address of the machine's own
};

bool IsUriText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

ContainerUrl FullUrl(std::string_view uri) {
  const std::size_t scheme_end = uri.find("://");
  const std::size_t host = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::size_t path = std::min(uri.find_first_of("/?#", host), uri.size());
  const std::string_view origin = uri.substr(0, path), rest = uri.substr(path);
  // A password must not be shown as part of an invalid endpoint.
  if (!IsUriText(rest) || origin.find('@') != std::string_view::npos) {
    throw Error(ErrorCode::kBadArgument, "AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL");
  }
  const Endpoint endpoint = ParseServiceUrl(origin);
  const bool is_agent = IsContainerHost(endpoint.host);
  if (!is_agent && endpoint.scheme != "https") {
    throw Error(ErrorCode::kNotPermitted,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI names \"" + endpoint.host + "\" without https",
                "Without https only a loopback address, 169.254.170.2, 169.254.170.23 and "
                "[fd00:ec2::23] are allowed.");
  }
  const bool needs_slash = rest.empty() || rest.front() != '/';
  return {endpoint.url() + (needs_slash ? "/" : "") + std::string(rest), is_agent};
}

ContainerUrl FindContainerUrl() {
  const std::string_view relative = EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (relative.empty()) return FullUrl(EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
  if (relative.front() != '/' || !IsUriText(relative)) {
    throw Error(ErrorCode::kBadArgument, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
  }
  return {"http://169.254.170.2" + std::string(relative), true};
}

std::vector<HttpHeader> ContainerHeaders() {
  std::vector<HttpHeader> headers = {{"Accept", "application/json"}};
  const std::string_view file = EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const std::string_view token = EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    headers.push_back({"Authorization", ReadToken(file)});
  } else if (!token.empty()) {
    headers.push_back({"Authorization", SecretString(token)});
  }
  return headers;
}

std::string InstanceEndpoint() {
  const std::string_view url = EnvironmentVariable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  return url.empty() ? "http://169.254.169.254" : ParseServiceUrl(url).url();
}

// The first line; kMalformedReply where that can be no role's name.
std::string RoleName(const SecretString& list) {
  constexpr std::string_view kNameChars =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-";
  const std::string name(list.begin(), std::find(list.begin(), list.end(), '\n'));
  const bool valid = !name.empty() && name.size() <= 128 && name != "." && name != ".." &&
                     name.find_first_not_of(kNameChars) == std::string::npos;
  if (valid) return name;
  throw Error(ErrorCode::kMalformedReply, "malformed reply from instance metadata", "",
              "It names no role.");
}

// It goes back as a header's value.
SecretString MetadataToken(SecretString reply) {
  const bool valid = !reply.empty() && std::all_of(reply.begin(), reply.end(),
                                                   [](char c) { return c > ' ' && c < 0x7f; });
  if (valid) return reply;
  throw Error(ErrorCode::kMalformedReply, "malformed reply from instance metadata", "",
              "It gives no token.");
}

}  // namespace

std::optional<std::string> WebIdentitySource() {
  const std::string_view file = EnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (file.empty()) return std::nullopt;
  const std::string_view role = EnvironmentVariable("AWS_ROLE_ARN");
  if (role.empty()) {
    throw Error(ErrorCode::kNoCredentials,
                "the environment has AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN");
  }
  return std::string(file) + '\0' + std::string(role) + '\0' +
         std::string(EnvironmentVariable("AWS_ROLE_SESSION_NAME"));
}

OwnedCredentials FetchWebIdentityCredentials(std::string_view region, const FetchContext& context) {
  const SecretString token = ReadToken(EnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE"));
  RoleArguments role;
  role.role_arn = EnvironmentVariable("AWS_ROLE_ARN");
  role.role_session_name = EnvironmentVariable("AWS_ROLE_SESSION_NAME");
  return AssumeRoleWithWebIdentity(role, region, token, context);
}

std::optional<std::string> ContainerSource() {
  const std::string_view relative = EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string_view full = EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  return std::string(relative) + '\0' + std::string(full) + '\0' +
         std::string(EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
}

OwnedCredentials FetchContainerCredentials(const FetchContext& context) {
  const ContainerUrl target = FindContainerUrl();
  HttpResponse response = Ask(context, "GET", target.url, ContainerHeaders(), target.is_agent);
  return ParseCredentialDocument(Require(std::move(response), kContainerSource), kContainerSource);
}

std::optional<std::string> InstanceSource() {
  if (LowerCase(EnvironmentVariable("AWS_EC2_METADATA_DISABLED")) == "true") return std::nullopt;
  return std::string(EnvironmentVariable("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
std::optional<OwnedCredentials> FetchInstanceCredentials(const FetchContext& context) {
  const std::string endpoint = InstanceEndpoint();
  const std::string path = endpoint + "/latest/meta-data/iam/security-credentials/";
  const SecretString token =
      MetadataToken(Require(Ask(context, "PUT", endpoint + "/latest/api/token",
                                {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}, true),
                            kInstanceSource));
  const auto get = [&](const std::string& url) {
    return Ask(context, "GET", url, {{"X-aws-ec2-metadata-token", token}}, true);
  };
  HttpResponse roles = get(path);
  if (roles.status == 404) return std::nullopt;  // the instance has no role
  const std::string role = RoleName(Require(std::move(roles), kInstanceSource));
  return ParseCredentialDocument(Require(get(path + role), kInstanceSource), kInstanceSource);
}

}  // namespace neon_s3

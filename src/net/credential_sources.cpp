#include "net/credential_sources.h"

#include <algorithm>
#include <chrono>

#include <arpa/inet.h>

#include "core/credential_response.h"
#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"
#include "net/environment.h"
#include "net/file_reader.h"
#include "net/loopback.h"

namespace neon_s3 {
namespace {

constexpr char kContainer[] = "the container credentials endpoint";
constexpr char kInstance[] = "instance metadata";

// A request, with the deadline of each attempt.
HttpResponse Ask(const FetchContext& context, const HttpRequest& request, bool metadata,
                 std::chrono::seconds time = std::chrono::seconds(1)) {
  HttpLimits limits = LimitsOf(context, time);
  limits.may_reach_metadata = metadata;
  return context.http->Perform(request, limits);
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

// Where a container's agent may answer without TLS: this machine, and the agents of ECS and EKS.
bool IsContainerHost(const std::string& host) {
  if (host == "169.254.170.2" || host == "169.254.170.23" || IsLoopbackHost(host)) return true;
  if (host.front() != '[') return false;
  in6_addr address, agent;
  inet_pton(AF_INET6, "fd00:ec2::23", &agent);
  return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1 &&
         IN6_ARE_ADDR_EQUAL(&address, &agent);
}

struct ContainerUrl {
  std::string url;
  bool is_agent;  // at an address of the machine's own
};

bool IsUriText(std::string_view text) {
  return IsPrintable(text) && text.find('#') == std::string_view::npos;
}

ContainerUrl FullUrl(std::string_view uri) {
  const std::size_t scheme_end = uri.find("://");
  const std::size_t host = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::size_t path = std::min(uri.find_first_of("/?#", host), uri.size());
  const std::string_view origin = uri.substr(0, path), rest = uri.substr(path);
  // A password must not be shown as part of an invalid endpoint.
  if (!IsUriText(rest) || origin.find('@') != std::string_view::npos) {
    throw Error(ErrorCode::kBadArgument, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL");
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
    throw Error(ErrorCode::kBadArgument, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path");
  }
  return {"http://169.254.170.2" + std::string(relative), true};
}

std::vector<HttpHeader> ContainerHeaders() {
  std::vector<HttpHeader> headers = {{"Accept", "application/json"}};
  const std::string_view file = EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const std::string_view token =
      WithoutOuterSpace(EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
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
  std::string name(list.begin(), std::find(list.begin(), list.end(), '\n'));
  const bool valid = !name.empty() && name.size() <= 128 && name != "." && name != ".." &&
                     name.find_first_not_of(kNameChars) == std::string::npos;
  if (valid) return name;
  throw Error(ErrorCode::kMalformedReply, "malformed reply from instance metadata", "",
              "It does not name a role.");
}

// It goes back as a header's value.
SecretString MetadataToken(SecretString reply) {
  if (!reply.empty() && IsPrintable(reply)) return reply;
  throw Error(ErrorCode::kMalformedReply, "malformed reply from instance metadata", "",
              "It does not give a token.");
}

// AWS_METADATA_SERVICE_…
long LimitVariable(const FetchContext& context, const char* name, long most) {
  const std::string_view text = context.reads_environment ? EnvironmentVariable(name) : "";
  if (text.empty()) return 1;
  const std::optional<std::int64_t> value = ParseDecimal(text);
  if (value && *value >= 1 && *value <= most) return static_cast<long>(*value);
  throw Error(ErrorCode::kBadArgument, std::string(name) + " is \"" + WithoutControls(text) + "\"",
              "It must be a whole number from 1 to " + std::to_string(most) + ".");
}

// Instance metadata, with its limits.
class Metadata {
 public:
  explicit Metadata(const FetchContext& context)
      : context_(context),
        time_(LimitVariable(context, "AWS_METADATA_SERVICE_TIMEOUT", 3600)),
        attempts_(LimitVariable(context, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 100)) {}

  HttpResponse Get(const std::string& url, const SecretString& token) {
    return Perform({"GET", url, {{"X-aws-ec2-metadata-token", token}}, {}});
  }

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  SecretString GetToken(const std::string& endpoint) {
    HttpRequest request{"PUT", endpoint + "/latest/api/token", {}, {}};
    request.headers.push_back({"X-aws-ec2-metadata-token-ttl-seconds", "21600"});
    return MetadataToken(Require(Perform(request), kInstance));
  }

 private:
  HttpResponse Perform(const HttpRequest& request) {
    for (long attempt = 1; attempt < attempts_; ++attempt) {
      try {
        HttpResponse response = Ask(context_, request, true, time_);
        if (response.status < 500) return response;
      } catch (const Error& error) {
        if (!MayPass(error.code())) throw;
      }
    }
    return Ask(context_, request, true, time_);
  }

  static bool MayPass(ErrorCode code) {
    return code == ErrorCode::kConnect || code == ErrorCode::kConnectionLost ||
           code == ErrorCode::kMalformedReply;
  }

  const FetchContext& context_;
  const std::chrono::seconds time_;
  const long attempts_;
};

std::optional<std::string> WebIdentity(std::string_view region) {
  const std::string_view file = EnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (file.empty()) return std::nullopt;
  const std::string_view role = EnvironmentVariable("AWS_ROLE_ARN");
  if (role.empty()) {
    throw Error(ErrorCode::kNoCredentials,
                "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN");
  }
  return std::string(file) + '\0' + std::string(role) + '\0' +
         std::string(EnvironmentVariable("AWS_ROLE_SESSION_NAME")) + '\0' + StsIdentity(region);
}

std::optional<OwnedCredentials> FetchWebIdentity(std::string_view region,
                                                 const FetchContext& context) {
  const SecretString token = ReadToken(EnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE"));
  RoleArguments role;
  role.role_arn = EnvironmentVariable("AWS_ROLE_ARN");
  role.role_session_name = EnvironmentVariable("AWS_ROLE_SESSION_NAME");
  return AssumeRoleWithWebIdentity(role, region, token, context);
}

std::optional<std::string> Container(std::string_view) {
  const std::string_view relative = EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string_view full = EnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  return std::string(relative) + '\0' + std::string(full) + '\0' +
         std::string(EnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
}

std::optional<OwnedCredentials> FetchContainer(std::string_view, const FetchContext& context) {
  const ContainerUrl target = FindContainerUrl();
  HttpResponse response =
      Ask(context, {"GET", target.url, ContainerHeaders(), {}}, target.is_agent);
  return ParseCredentialDocument(Require(std::move(response), kContainer), kContainer);
}

std::optional<std::string> Instance(std::string_view) {
  if (LowerCase(EnvironmentVariable("AWS_EC2_METADATA_DISABLED")) == "true") return std::nullopt;
  return std::string(EnvironmentVariable("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
}

std::optional<OwnedCredentials> FetchInstance(std::string_view, const FetchContext& context) {
  Metadata metadata(context);
  const std::string endpoint = InstanceEndpoint();
  const std::string path = endpoint + "/latest/meta-data/iam/security-credentials/";
  const SecretString token = metadata.GetToken(endpoint);
  HttpResponse roles = metadata.Get(path, token);
  if (roles.status == 404) return std::nullopt;  // the instance has no role
  const std::string role = RoleName(Require(std::move(roles), kInstance));
  return ParseCredentialDocument(Require(metadata.Get(path + role, token), kInstance), kInstance);
}

}  // namespace

const CredentialSource kWebIdentitySource = {WebIdentity, FetchWebIdentity};
const CredentialSource kContainerSource = {Container, FetchContainer};
const CredentialSource kInstanceSource = {Instance, FetchInstance};

SecretString ReadToken(std::string_view file) {
  const std::string path(file);
  const std::optional<FileText> contents = ReadFile(path, FileKind::kToken);
  if (!contents) RefuseMissingFile(path);
  const std::string_view token = WithoutOuterSpace(contents->text);
  if (!token.empty() && !HasControls(token)) return SecretString(token);
  throw Error(ErrorCode::kCredentialsFile,
              "token file \"" + WithoutControls(path) + "\" does not hold one line with a token");
}

}  // namespace neon_s3

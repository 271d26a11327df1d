// Requests to the AWS Security Token Service, signed where they must be.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/credentials.h"
#include "core/endpoint.h"
#include "core/http_message.h"
#include "core/utc_time.h"

namespace neon_s3 {

// The role, and how; what is empty is left out, but role_session_name is "neon_s3" then.
struct RoleArguments {
  std::string_view role_arn;
  std::string_view role_session_name;
  std::string_view external_id;
  std::string_view duration_seconds;
};

// A POST.
struct StsRequest {
  std::string url;
  std::vector<HttpHeader> headers;
  SecretString body;
};

// AssumeRole, signed with `credentials` for `region`.
StsRequest MakeAssumeRole(const Endpoint& endpoint, std::string_view region,
                          const RoleArguments& role, const Credentials& credentials,
                          const UtcTime& time);

// AssumeRoleWithWebIdentity: the token takes the place of a signature.
StsRequest MakeAssumeRoleWithWebIdentity(const Endpoint& endpoint, const RoleArguments& role,
                                         std::string_view web_identity_token);

}  // namespace neon_s3

// The names of credential providers.
#pragma once

#include <string_view>
#include <vector>

namespace neon_s3 {

enum class Provider {
  kStatic,       // ChainRequest's own
  kEnvironment,  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
  kProfile,      // credentials and config files
  kWebIdentity,  // a token in a file, traded at STS (EKS: IAM roles for service accounts)
  kContainer,    // the agent of ECS, or EKS Pod Identity
  kInstance,     // EC2's instance metadata, version 2
  kAssumeRole,   // a role, with the credentials that the other providers find; see CredentialChain
};

std::string_view ProviderName(Provider provider);

// "static, environment, profile": names in any case. kBadArgument for an unknown name (with those
// that are known), for one that comes twice, and for an empty list.
std::vector<Provider> ParseProviders(std::string_view list);

}  // namespace neon_s3

// The replies that hold credentials: JSON of container and instance metadata, XML of STS.
#pragma once

#include <string>
#include <string_view>

#include "core/credentials.h"
#include "core/error_reply.h"

namespace neon_s3 {

constexpr std::size_t kMaxCredentialReplySize = 64 << 10;

// {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …, "Code": "Success"}; the
// last three may be missing. `source` is who answered, for messages. kMalformedReply for anything
// else, of more than 64 KiB or deeper than 16 levels; kRefused for a Code that tells of a failure.
// (The parser keeps a copy of the text it last saw, which it frees as it is.)
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
OwnedCredentials ParseCredentialDocument(std::string_view body, const std::string& source);

// The reply to AssumeRole and AssumeRoleWithWebIdentity, which is parsed in place. kMalformedReply
// for anything else, and of more than 64 KiB.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
OwnedCredentials ParseAssumeRoleResponse(SecretString body, const std::string& source);

// Of an ErrorResponse of STS; empty where it is none.
ErrorReply ParseErrorResponse(SecretString body);

}  // namespace neon_s3

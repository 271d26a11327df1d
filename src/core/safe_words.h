// A server's own words, in a message of ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/credentials.h"

namespace neon_s3 {

// `text` without control characters, cut at a word after 800 bytes or so, and with **** in place of
// `secrets` and `more`, of signatures, tokens and keys, and of what looks like one.
std::string SafeWords(std::string_view text, const Credentials& secrets,
                      const std::vector<std::string_view>& more = {});

// `text` with **** in place of `secrets` and `more` alone: for what is one word already.
std::string WithoutSecrets(std::string text, const Credentials& secrets,
                           const std::vector<std::string_view>& more = {});

}  // namespace neon_s3

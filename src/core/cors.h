// Origins and CORS rules: who may use a bucket from a browser.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neon_s3 {

// Returns an origin, as browsers send it, that an AllowedOrigin (which may have one "*") lets in;
// nullopt where no browser sends one: scheme, host and port in lower case, nothing else, and no
// port that is the scheme's own.
// https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin
std::optional<std::string> OriginThatMatches(std::string_view allowed_origin);

// Returns the JSON of the rule that presigned uploads and downloads from pages of these origins
// need. kBadArgument, with the right form in its hint, for an AllowedOrigin that matches no origin
// of a browser's, and where there are none.
std::string CorsRulesFor(const std::vector<std::string_view>& origins);

// Returns an origin that the rules (JSON of BucketConfigJson()) let in with PUT. kRefused, with a
// hint, where there is none, and for a rule that no browser can use.
std::string OriginThatMayPut(std::string_view rules_json);

}  // namespace neon_s3

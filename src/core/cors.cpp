#include "core/cors.h"

#include <algorithm>

#include "core/encoding.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kFormHint =
    "Browsers send scheme, host and port in lower case, and nothing else: "
    "\"https://app.example.com\" or \"http://localhost:3000\".";

constexpr ByteSet kSchemeChars("abcdefghijklmnopqrstuvwxyz0123456789+-.");
constexpr ByteSet kHostChars("abcdefghijklmnopqrstuvwxyz0123456789-._");
constexpr ByteSet kAddressChars("0123456789abcdef:");  // IPv6

template <typename Set>
bool IsAllOf(const Set& set, std::string_view text) {
  return !text.empty() && set.CountPrefix(text) == text.size();
}

std::string_view OwnPort(std::string_view scheme) {
  if (scheme == "http") return "80";
  if (scheme == "https") return "443";
  return {};
}

struct Origin {
  std::string_view scheme, host;
  std::optional<std::string_view> port;
};

std::optional<Origin> Split(std::string_view text) {
  const std::size_t end_of_scheme = text.find("://");
  if (end_of_scheme == std::string_view::npos) return std::nullopt;
  Origin origin;
  origin.scheme = text.substr(0, end_of_scheme);
  origin.host = text.substr(end_of_scheme + 3);
  const std::size_t colon = origin.host.find(':', origin.host.find(']') + 1);
  if (colon != std::string_view::npos) {
    origin.port = origin.host.substr(colon + 1);
    origin.host = origin.host.substr(0, colon);
  }
  return origin;
}

bool IsHost(std::string_view host) {
  const bool is_address = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return is_address ? IsAllOf(kAddressChars, host.substr(1, host.size() - 2))
                    : IsAllOf(kHostChars, host);
}

bool IsPort(std::string_view port) {
  const std::optional<std::int64_t> number = ParseDecimal(port);
  return number && *number > 0 && *number <= 65535 && port.front() != '0';
}

bool IsSentByBrowsers(std::string_view text) {
  if (text == "null") return true;  // of a page without an origin of its own
  const std::optional<Origin> origin = Split(text);
  if (!origin || !IsAllOf(kSchemeChars, origin->scheme) || !IsHost(origin->host)) return false;
  return !origin->port || (IsPort(*origin->port) && *origin->port != OwnPort(origin->scheme));
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// What the author of `text` most likely means; empty where that is not clear.
std::string LikelyOrigin(std::string_view text) {
  std::string likely = LowerCase(Trimmed(text));
  const bool is_local = StartsWith(likely, "localhost") || StartsWith(likely, "127.");
  if (likely.find("://") == std::string::npos) likely.insert(0, is_local ? "http://" : "https://");
  likely.resize(std::min(likely.find_first_of("/?#", likely.find("://") + 3), likely.size()));
  const Origin origin = *Split(likely);  // it has "://"
  if (origin.port && *origin.port == OwnPort(origin.scheme)) likely.resize(likely.rfind(':'));
  return OriginThatMatches(likely) ? likely : std::string();
}

std::string HintFor(std::string_view allowed_origin) {
  const std::string likely = LikelyOrigin(allowed_origin);
  return likely.empty() ? std::string(kFormHint) : "Browsers send \"" + likely + "\".";
}

[[noreturn]] void Refuse(const std::string& message, std::string hint) {
  throw Error(ErrorCode::kRefused, message, std::move(hint));
}

std::vector<std::string> TextsOf(const Json& rule, const char* member) {
  std::vector<std::string> texts;
  const auto found = rule.find(member);
  if (found == rule.end()) return texts;
  for (const Json& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

void CheckRule(const std::string& name, const std::vector<std::string>& origins) {
  if (origins.empty()) {
    Refuse(name + " has no AllowedOrigins",
           "Name the origins whose pages may use the bucket, or \"*\" for all.");
  }
  for (const std::string& origin : origins) {
    if (OriginThatMatches(origin)) continue;
    Refuse(name + " allows \"" + WithoutControls(origin) + "\", an origin that no browser sends",
           HintFor(origin));
  }
}

void ValidateAllowedOrigin(std::string_view allowed_origin) {
  if (OriginThatMatches(allowed_origin)) return;
  throw Error(ErrorCode::kBadArgument,
              "no browser sends the origin \"" + WithoutControls(allowed_origin) + "\"",
              HintFor(allowed_origin));
}

}  // namespace

std::optional<std::string> OriginThatMatches(std::string_view allowed_origin) {
  const std::size_t star = allowed_origin.find('*');
  if (star == std::string_view::npos) {
    if (!IsSentByBrowsers(allowed_origin)) return std::nullopt;
    return std::string(allowed_origin);
  }
  // What a "*" may stand for: the start of an origin, a part of a host, a port; or of a scheme.
  const bool in_scheme = allowed_origin.find("://", star) != std::string_view::npos;
  const std::initializer_list<std::string_view> elsewhere = {"https://example", "example", "8080"};
  const std::initializer_list<std::string_view> of_scheme = {star == 0 ? "https" : "s"};
  for (const std::string_view part : in_scheme ? of_scheme : elsewhere) {
    std::string origin(allowed_origin);
    origin.replace(star, 1, part);
    if (IsSentByBrowsers(origin)) return origin;
  }
  return std::nullopt;
}

std::string CorsRulesFor(const std::vector<std::string_view>& origins) {
  if (origins.empty()) {
    throw Error(ErrorCode::kBadArgument, "allowed_origins is empty",
                "Leave it NULL to set no CORS rules.");
  }
  std::string list;
  for (const std::string_view origin : origins) {
    ValidateAllowedOrigin(origin);
    list.append(list.empty() ? "" : ",").append(ToJson(origin));
  }
  // ETag: for uploads in parts.
  return R"([{"AllowedHeaders":["*"],"AllowedMethods":["GET","HEAD","PUT","POST"],"AllowedOrigins":[)" +
         list + R"(],"ExposeHeaders":["ETag"],"MaxAgeSeconds":9000}])";
}

std::string OriginThatMayPut(std::string_view rules_json) {
  std::string may_put;
  int number = 0;
  const OwnedJson rules = ParseJson(rules_json);
  for (const Json& rule : *rules) {
    const std::vector<std::string> origins = TextsOf(rule, "AllowedOrigins");
    const std::vector<std::string> methods = TextsOf(rule, "AllowedMethods");
    CheckRule("CORS rule " + std::to_string(++number), origins);
    const bool allows_put = std::find(methods.begin(), methods.end(), "PUT") != methods.end();
    if (allows_put && may_put.empty()) may_put = *OriginThatMatches(origins.front());
  }
  if (may_put.empty()) Refuse("no CORS rule allows PUT", "Browsers need one to upload.");
  return may_put;
}

}  // namespace neon_s3

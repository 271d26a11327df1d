#include "net/providers.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "core/encoding.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

struct NamedProvider {
  std::string_view name;
  Provider provider;
};
constexpr NamedProvider kProviders[] = {
    {"static", Provider::kStatic},          {"environment", Provider::kEnvironment},
    {"profile", Provider::kProfile},        {"web_identity", Provider::kWebIdentity},
    {"container", Provider::kContainer},    {"instance", Provider::kInstance},
    {"assume_role", Provider::kAssumeRole},
};

std::string KnownProviders() {
  std::string names;
  for (const NamedProvider& known : kProviders) {
    if (!names.empty()) names.append(", ");
    names.append("\"").append(known.name).append("\"");
  }
  return names;
}

Provider ParseProvider(std::string_view text) {
  const std::string name = LowerCase(text);
  for (const NamedProvider& known : kProviders) {
    if (known.name == name) return known.provider;
  }
  throw Error(ErrorCode::kBadArgument,
              "unknown credential provider \"" + WithoutControls(text) + "\"",
              "Known are " + KnownProviders() + ".");
}

}  // namespace

std::string_view ProviderName(Provider provider) {
  return std::find_if(std::begin(kProviders), std::end(kProviders),
                      [&](const NamedProvider& known) { return known.provider == provider; })
      ->name;
}

std::vector<Provider> ParseProviders(std::string_view list) {
  if (WithoutOuterSpace(list).empty()) {
    throw Error(ErrorCode::kBadArgument, "the list of credential providers is empty",
                "Known are " + KnownProviders() + ".");
  }
  std::vector<Provider> providers;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    const Provider provider = ParseProvider(WithoutOuterSpace(list.substr(start, comma - start)));
    if (std::find(providers.begin(), providers.end(), provider) != providers.end()) {
      throw Error(
          ErrorCode::kBadArgument,
          "credential provider \"" + std::string(ProviderName(provider)) + "\" is listed twice");
    }
    providers.push_back(provider);
    start = comma + 1;
  }
  return providers;
}

}  // namespace neon_s3

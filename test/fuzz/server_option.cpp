// What options of servers and user mappings are checked with (src/pg/option.cpp): what they let in
// can be used, as far as it goes.
#include "core/arn.h"
#include "core/credentials.h"
#include "core/endpoint.h"
#include "core/text.h"
#include "core/upload_limits.h"
#include "net/endpoint_url.h"
#include "net/location.h"
#include "net/providers.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

void CheckRegion(std::string_view region) {
  Require(Accepts([&] { ValidateRegion(region); }) == IsRegion(region));
  if (!IsRegion(region)) return;
  Require(IsPrintable(region) && region.find_first_of("/.:@?#") == region.npos);
  Require(AwsEndpoint(region).is_aws());
  Accepts([&] {
    const Location location = Locate({region, "", ""}, {});
    Require(location.region == region && location.endpoint.host.find(region) != std::string::npos);
  });
}

void CheckBucket(std::string_view bucket) {
  if (!Accepts([&] { ValidateBucketName(bucket); })) return;
  Require(IsPrintable(bucket) && bucket.size() <= kMaxBucketBytes);
  if (!IsArn(bucket)) {
    const Address address =
        ResolveAddress(AwsEndpoint("us-east-1"), AddressingStyle::kAuto, bucket);
    Require(StartsWith(address.host, std::string(bucket) + ".") ||
            address.path_prefix == "/" + std::string(bucket));
    return;
  }
  const AccessPoint point = ParseAccessPoint(bucket);
  Require(IsRegion(point.region) && IsHostName(point.account) && !point.name.empty());
  Accepts([&] {
    const Address address =
        ResolveAddress(AwsEndpoint(point.region), AddressingStyle::kAuto, bucket);
    Require(IsHostName(address.host));
  });
}

void CheckProviders(std::string_view list) {
  std::vector<Provider> providers;
  if (!Accepts([&] { providers = ParseProviders(list); })) return;
  Require(!providers.empty());
  std::string written;
  for (const Provider provider : providers) {
    Require(std::count(providers.begin(), providers.end(), provider) == 1);
    written.append(written.empty() ? "" : ",").append(ProviderName(provider));
  }
  Require(ParseProviders(written) == providers);
}

void CheckKey(std::string_view key) {
  const std::string_view trimmed = WithoutOuterSpace(key);
  const bool is_good = Accepts([&] { ValidateCredential("access_key_id", key); });
  Require(is_good == CredentialFault(trimmed).empty());
  if (is_good) Require(IsValidUtf8(trimmed) && !HasControls(trimmed));
}

void CheckType(std::string_view pattern) {
  if (!Accepts([&] { ValidateTypePattern(pattern); })) return;
  std::string type(pattern);
  if (EndsWith(type, "*")) type.replace(type.size() - 1, 1, "x");
  Require(MatchesType(type, pattern) && MatchesType(" " + type + " ; charset=utf-8", pattern));
  Require(!MatchesType("x" + type, pattern));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view value = input.Text();
  CheckRegion(value);
  CheckBucket(value);
  CheckProviders(value);
  CheckKey(value);
  CheckType(value);
  Accepts([&] { ParseAddressingStyle(value); });
  Accepts([&] { ParseEndpointUrl(std::string(value)); });
  return 0;
}

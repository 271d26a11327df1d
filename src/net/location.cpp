#include "net/location.h"

#include "core/access_point.h"
#include "core/error.h"
#include "core/text.h"
#include "net/endpoint_url.h"

namespace neon_s3 {
namespace {

constexpr std::string_view kDefaultRegion = "us-east-1";

// What an endpoint of Amazon's own starts with.
std::string ServiceName(const StandardConfig& config, std::string_view region) {
  std::string name = "s3";
  if (config.use_fips.is_true()) {
    if (AwsPartition(region) == "aws-cn") {
      throw Error(ErrorCode::kUnsupported, config.use_fips.source + " is set, but region \"" +
                                               std::string(region) + "\" has no FIPS endpoints");
    }
    name.append("-fips");
  }
  if (config.use_dualstack.is_true()) name.append(".dualstack");
  return name;
}

Endpoint ConfiguredEndpoint(const StandardConfig& config) {
  const std::string source = config.endpoint.source;
  try {
    return ParseEndpointUrl(config.endpoint.text);
  } catch (const Error& error) {
    throw Error(error.code(), source + ": " + error.what(), error.hint());
  }
}

AddressingStyle StyleOf(const LocationSettings& settings, const StandardConfig& config) {
  if (!settings.addressing_style.empty()) return ParseAddressingStyle(settings.addressing_style);
  const std::string& configured = config.addressing_style.text;
  return configured.empty() ? AddressingStyle::kAuto : ParseAddressingStyle(configured);
}

}  // namespace

Location Locate(const LocationSettings& settings, const StandardConfig& config) {
  Location location;
  location.region = !settings.region.empty() ? settings.region
                    : config.region.is_set() ? std::string_view(config.region.text)
                                             : kDefaultRegion;
  ValidateRegion(location.region);
  if (!settings.endpoint.empty()) {
    location.endpoint = ParseEndpointUrl(std::string(settings.endpoint));
  } else if (config.endpoint.is_set()) {
    location.endpoint = ConfiguredEndpoint(config);
  } else {
    location.endpoint = AwsEndpoint(location.region, ServiceName(config, location.region));
  }
  location.addressing_style = StyleOf(settings, config);
  return location;
}

std::string RegionOfBucket(const Location& location, const StandardConfig& config,
                           std::string_view bucket) {
  if (!IsArn(bucket)) return location.region;
  const ConfigValue& use_arn_region = config.use_arn_region;
  CheckAccessPoint(bucket, location.region, !use_arn_region.is_set() || use_arn_region.is_true());
  return std::string(RegionFor(bucket, location.region));
}

}  // namespace neon_s3

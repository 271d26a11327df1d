// Where S3 is: what is set explicitly, and where that leaves it open, what AWS's tools would take.
#pragma once

#include <string>
#include <string_view>

#include "core/endpoint.h"
#include "core/standard_config.h"

namespace neon_s3 {

// Texts that are empty are not set.
struct LocationSettings {
  std::string_view region;
  std::string_view endpoint;
  std::string_view addressing_style;
};

struct Location {
  std::string region;
  Endpoint endpoint;
  AddressingStyle addressing_style;
};

// Region and endpoint: as set, else as configured, else us-east-1 and Amazon's endpoint there, the
// one for FIPS or dual stack where that is configured. The errors of ParseEndpointUrl() and
// ValidateRegion(), with their source; kUnsupported for FIPS in regions where Amazon offers none.
Location Locate(const LocationSettings& settings, const StandardConfig& config);

// The region to sign requests for this bucket for: another one than the location's only for access
// points. The errors of CheckAccessPoint(), as `config` lets it leave the region.
std::string RegionOfBucket(const Location& location, const StandardConfig& config,
                           std::string_view bucket);

}  // namespace neon_s3

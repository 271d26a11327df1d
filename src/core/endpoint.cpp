#include "core/endpoint.h"

#include <algorithm>

#include "core/arn.h"
#include "core/error.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

struct Partition {
  std::string_view region_prefix;
  std::string_view dns_suffix;
  std::string_view name;
};

// AWS's partitions, as its SDKs know them; the first prefix that fits wins, the last is plain
// "aws".
constexpr Partition kPartitions[] = {
    {"cn-", "amazonaws.com.cn", "aws-cn"},       {"us-isob-", "sc2s.sgov.gov", "aws-iso-b"},
    {"us-isof-", "csp.hci.ic.gov", "aws-iso-f"}, {"us-iso-", "c2s.ic.gov", "aws-iso"},
    {"eu-isoe-", "cloud.adc-e.uk", "aws-iso-e"}, {"eusc-", "amazonaws.eu", "aws-eusc"},
    {"us-gov-", "amazonaws.com", "aws-us-gov"},  {"", "amazonaws.com", "aws"},
};

const Partition& PartitionOf(std::string_view region) {
  return *std::find_if(
      std::begin(kPartitions), std::end(kPartitions),
      [region](const Partition& partition) { return StartsWith(region, partition.region_prefix); });
}

constexpr std::string_view kDirections[] = {"north", "south", "east", "west", "central"};

// Providers whose regions have other names: REGION.suffix.
constexpr std::string_view kRegionSuffixes[] = {"scw.cloud", "cloud.ovh.net", "io.cloud.ovh.net",
                                                "cloud.ovh.us", "io.cloud.ovh.us"};

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z'); }

bool IsIpv4(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 3 &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool IsDnsLabel(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
    return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsDnsName(std::string_view name) {
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!IsDnsLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// Whether a label looks like Amazon's regions, whose names others took over: "eu-central-1".
bool LooksLikeRegion(std::string_view label) {
  const std::size_t first = label.find('-'), last = label.rfind('-');
  if (first == std::string_view::npos || first == last || first > 4) return false;
  const std::string_view middle = label.substr(first, last - first),
                         number = label.substr(last + 1);
  const bool has_direction = std::any_of(std::begin(kDirections), std::end(kDirections),
                                         [middle](std::string_view direction) {
                                           return middle.find(direction) != std::string_view::npos;
                                         });
  return has_direction && !number.empty() && std::all_of(number.begin(), number.end(), IsDigit);
}

bool HasRegionSuffix(std::string_view host) {
  const std::string_view suffix = host.substr(host.find('.') + 1);
  return std::find(std::begin(kRegionSuffixes), std::end(kRegionSuffixes), suffix) !=
         std::end(kRegionSuffixes);
}

void RefuseUnsupported(std::string_view bucket) {
  if (EndsWith(bucket, "--x-s3") || EndsWith(bucket, "--xa-s3")) {
    throw Error(ErrorCode::kUnsupported,
                "S3 Express bucket \"" + std::string(bucket) + "\" is not supported",
                "Such buckets take requests of their own sessions only (CreateSession). Use a "
                "general purpose bucket.");
  }
  if (EndsWith(bucket, ".mrap")) {
    throw Error(ErrorCode::kUnsupported,
                "multi-region access point \"" + std::string(bucket) + "\" is not supported",
                "Such access points take another signature (SigV4A) only. Name one of their "
                "buckets.");
  }
}

[[noreturn]] void RefuseTwice(const Endpoint& endpoint, std::string_view bucket,
                              const Endpoint& without, const char* otherwise) {
  throw Error(ErrorCode::kBadArgument,
              "endpoint \"" + endpoint.url() + "\" names the bucket \"" + std::string(bucket) +
                  "\" already",
              "Leave the bucket out of the endpoint: \"" + without.url() + "\"." + otherwise);
}

bool NamesS3(std::string_view aws_host) {
  return StartsWith(aws_host, "s3") || aws_host.find(".s3") != std::string_view::npos;
}

// A server may have the bucket's name by chance; who sets the style "path" says so. Amazon's names
// S3 behind the bucket; where it does not, the bucket is called "s3.us-east-1", say.
void RefuseEndpointOfBucket(const Endpoint& endpoint, AddressingStyle style,
                            std::string_view bucket) {
  Endpoint without = endpoint;
  std::string& path = without.base_path;
  if (EndsWith(path, "/")) path.pop_back();
  const std::string last_segment = "/" + std::string(bucket);
  if (EndsWith(path, last_segment)) {
    path.resize(path.size() - last_segment.size());
    RefuseTwice(endpoint, bucket, without, "");
  }
  const std::string first_label = LowerCase(bucket) + ".";
  if (!StartsWith(endpoint.host, first_label)) return;
  without = endpoint;
  without.host.erase(0, first_label.size());
  const bool is_chance =
      endpoint.is_aws() ? !NamesS3(without.host) : style == AddressingStyle::kPath;
  if (is_chance) return;
  RefuseTwice(endpoint, bucket, without,
              " If that is the server's own name, set neon_s3.addressing_style to \"path\".");
}

bool UsesVirtualHost(const Endpoint& endpoint, AddressingStyle style, std::string_view bucket) {
  if (style == AddressingStyle::kPath) return false;
  if (style == AddressingStyle::kAuto) return endpoint.is_aws() && IsDnsLabel(bucket);
  if (endpoint.is_ip_address()) {
    throw Error(ErrorCode::kBadArgument,
                "endpoint \"" + endpoint.host + "\" is an IP address and has no virtual hosts",
                "Set neon_s3.addressing_style to \"path\".");
  }
  // A wildcard certificate covers one label, so a dotted bucket fails TLS.
  if (endpoint.scheme == "https" ? !IsDnsLabel(bucket) : !IsDnsName(bucket)) {
    throw Error(ErrorCode::kBadArgument,
                "bucket \"" + std::string(bucket) + "\" cannot be a virtual host",
                "Set neon_s3.addressing_style to \"auto\" or \"path\".");
  }
  return true;
}

// Amazon's own, other than the region's: s3, s3-fips, s3.dualstack, s3-fips.dualstack.
bool IsPlain(const Endpoint& endpoint, const std::string& variant) {
  const std::string_view host = endpoint.host;
  const std::string start = "s3" + variant + ".";
  if (!endpoint.port.empty() || !endpoint.base_path.empty() || !StartsWith(host, start)) {
    return false;
  }
  const std::string_view rest = host.substr(start.size());
  return AwsEndpoint(rest.substr(0, rest.find('.')), "s3" + variant).host == host;
}

// For who has this endpoint otherwise: at Amazon's own endpoints in the access point's region, FIPS
// and dual stack as there; below any other endpoint.
Address AccessPointAddress(const Endpoint& endpoint, std::string_view arn) {
  const AccessPoint point = ParseAccessPoint(arn);
  Endpoint base = endpoint;
  for (const char* variant : {"", "-fips", ".dualstack", "-fips.dualstack"}) {
    if (!IsPlain(endpoint, variant)) continue;
    base = AwsEndpoint(point.region, "s3-accesspoint" + std::string(variant));
  }
  if (base.is_ip_address()) {
    throw Error(ErrorCode::kBadArgument,
                "endpoint \"" + base.host + "\" is an IP address and has no access points");
  }
  Address address;
  address.scheme = endpoint.scheme;
  address.host.append(point.name).append("-").append(point.account).append(".");
  address.host.append(base.authority());
  address.path_prefix = base.base_path;
  return address;
}

}  // namespace

bool Endpoint::is_aws() const {
  return std::any_of(std::begin(kPartitions), std::end(kPartitions),
                     [this](const Partition& partition) {
                       return EndsWith(host, "." + std::string(partition.dns_suffix));
                     });
}

bool Endpoint::is_ip_address() const { return host.front() == '[' || IsIpv4(host); }

std::string Endpoint::authority() const { return port.empty() ? host : host + ":" + port; }

std::string Endpoint::url() const { return scheme + "://" + authority() + base_path; }

AddressingStyle ParseAddressingStyle(std::string_view name) {
  if (name == "auto") return AddressingStyle::kAuto;
  if (name == "virtual") return AddressingStyle::kVirtual;
  if (name == "path") return AddressingStyle::kPath;
  throw Error(ErrorCode::kBadArgument, "invalid addressing style \"" + std::string(name) + "\"",
              "Use auto, virtual or path.");
}

std::string_view RegionInHost(std::string_view host) {
  bool is_s3 = false;
  for (std::size_t dot; (dot = host.find('.')) != std::string_view::npos;) {
    const std::string_view label = host.substr(0, dot);
    if (is_s3 && (LooksLikeRegion(label) || HasRegionSuffix(host))) return label;
    // As Amazon wrote it first: s3-eu-west-1.amazonaws.com.
    if (StartsWith(label, "s3-") && LooksLikeRegion(label.substr(3))) return label.substr(3);
    is_s3 = is_s3 || StartsWith(label, "s3");
    host.remove_prefix(dot + 1);
  }
  return {};
}

std::string_view AwsPartition(std::string_view region) { return PartitionOf(region).name; }

Endpoint AwsEndpoint(std::string_view region, std::string_view service) {
  Endpoint endpoint;
  endpoint.scheme = "https";
  endpoint.host.append(service).append(".").append(region).append(".").append(
      PartitionOf(region).dns_suffix);
  return endpoint;
}

bool IsHostName(std::string_view host) {
  constexpr ByteSet kChars("abcdefghijklmnopqrstuvwxyz0123456789-_.");
  return !host.empty() && host.front() != '.' && host.find("..") == std::string_view::npos &&
         kChars.CountPrefix(host) == host.size();
}

bool IsRegion(std::string_view region) {
  return !region.empty() && region.size() <= 63 && IsAlnum(region.front()) &&
         std::all_of(region.begin(), region.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}

void ValidateRegion(std::string_view region) {
  if (IsRegion(region)) return;
  throw Error(
      ErrorCode::kBadArgument, "invalid region \"" + std::string(region) + "\"",
      "A region looks like \"eu-central-1\"; many other providers take \"us-east-1\" or \"auto\".");
}

void ValidateBucketName(std::string_view bucket) {
  if (IsArn(bucket) && bucket.size() <= kMaxBucketBytes) {
    ParseAccessPoint(bucket);
    return;
  }
  RefuseUnsupported(bucket);
  const bool valid = bucket.size() >= 3 && bucket.size() <= kMaxBucketBytes && !IsIpv4(bucket) &&
                     std::all_of(bucket.begin(), bucket.end(), [](char c) {
                       return IsAlnum(c) || c == '.' || c == '_' || c == '-';
                     });
  if (valid) return;
  throw Error(ErrorCode::kBadArgument, "invalid bucket name \"" + std::string(bucket) + "\"",
              "A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens, "
              "and is not an IP address.");
}

Address ResolveAddress(const Endpoint& endpoint, AddressingStyle style, std::string_view bucket) {
  if (IsArn(bucket)) return AccessPointAddress(endpoint, bucket);
  RefuseEndpointOfBucket(endpoint, style, bucket);
  Address address;
  address.scheme = endpoint.scheme;
  address.path_prefix = endpoint.base_path;
  if (UsesVirtualHost(endpoint, style, bucket)) {
    address.host.append(bucket).append(".");
  } else {
    if (!EndsWith(address.path_prefix, "/")) address.path_prefix.push_back('/');
    address.path_prefix.append(bucket);
  }
  address.host.append(endpoint.authority());
  return address;
}

}  // namespace neon_s3

// Where a bucket is: endpoints, bucket names, and the two addressing styles of S3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neon_s3 {

enum class AddressingStyle { kAuto, kVirtual, kPath };

// "auto", "virtual" or "path"; kBadArgument for anything else.
AddressingStyle ParseAddressingStyle(std::string_view name);

// `http[s]://host[:port][/base]`, taken apart.
struct Endpoint {
  std::string scheme;     // "http" or "https"
  std::string host;       // lower case; an IPv6 address keeps its brackets
  std::string port;       // digits; empty for the scheme's default port, which is never signed
  std::string base_path;  // percent-encoded; empty, or a leading slash, and one at its end as it
                          // was written

  // A host of Amazon's, in any partition.
  bool is_aws() const;
  bool is_ip_address() const;

  std::string authority()
      const;  // as in the Host header: with the port where it is not the default one
  std::string url() const;
};

// The regional endpoint of an Amazon service, in the partition that `region` names (aws, aws-cn,
// aws-us-gov, the isolated ones): https://s3.eu-central-1.amazonaws.com.
Endpoint AwsEndpoint(std::string_view region, std::string_view service = "s3");

// Returns the region that a host such as s3.eu-central-1.amazonaws.com or
// s3.us-west-004.backblazeb2.com names; empty where it names none.
std::string_view RegionInHost(std::string_view host);

// The partition that `region` is in, as ARNs name it: "aws", "aws-cn" …
std::string_view AwsPartition(std::string_view region);

// Whether `host`, in lower case, is made of letters, digits, '-', '_' and '.', as a host's name is;
// IPv4 addresses are, too.
bool IsHostName(std::string_view host);

// Whether `region` can stand in a credential scope and in a host name.
bool IsRegion(std::string_view region);
// kBadArgument unless it does.
void ValidateRegion(std::string_view region);

// kBadArgument unless `bucket` is an access point (arn.h), or a name S3 takes, or took
// before 2018: 3 to 255 of letters, digits,
// '.', '_', '-', and no IPv4 address. kUnsupported for S3 Express buckets and multi-region access
// points, whose names nothing else has.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
constexpr std::size_t kMaxBucketBytes = 255;
void ValidateBucketName(std::string_view bucket);

// A bucket at an endpoint.
struct Address {
  std::string scheme;
  std::string host;         // as in the Host header
  std::string path_prefix;  // percent-encoded; the path of the bucket itself, or empty for "/"
};

// `bucket` is valid. kBadArgument where the style cannot address it, and for an endpoint that names
// the bucket already, as some consoles show it.
Address ResolveAddress(const Endpoint& endpoint, AddressingStyle style, std::string_view bucket);

}  // namespace neon_s3

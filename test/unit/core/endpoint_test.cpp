#include "core/endpoint.h"

#include <gtest/gtest.h>

#include "core/error.h"

#include "expect_error.h"

namespace neon_s3 {
namespace {

const Endpoint kHttps{"https", "s3.example.com", "", ""};
const Endpoint kHttp{"http", "s3.example.com", "8080", "/base"};

std::string Show(const Address& address) {
  return address.scheme + "://" + address.host + "|" + address.path_prefix;
}

TEST(AwsEndpoint, IsRegionalInEveryPartition) {
  EXPECT_EQ(AwsEndpoint("us-east-1").host, "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(AwsEndpoint("eu-central-1").host, "s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(AwsEndpoint("cn-north-1").host, "s3.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(AwsEndpoint("us-gov-west-1").host, "s3.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(AwsEndpoint("us-iso-east-1").host, "s3.us-iso-east-1.c2s.ic.gov");
  EXPECT_EQ(AwsEndpoint("us-isob-east-1").host, "s3.us-isob-east-1.sc2s.sgov.gov");
  EXPECT_EQ(AwsEndpoint("eusc-de-east-1").host, "s3.eusc-de-east-1.amazonaws.eu");
}

TEST(AwsEndpoint, IsOfAnyService) {
  EXPECT_EQ(AwsEndpoint("us-gov-west-1", "sts").host, "sts.us-gov-west-1.amazonaws.com");
}

TEST(Endpoint, GivesItsAuthorityAndUrl) {
  EXPECT_EQ(kHttps.authority(), "s3.example.com");
  EXPECT_EQ(kHttps.url(), "https://s3.example.com");
  EXPECT_EQ(kHttp.authority(), "s3.example.com:8080");
  EXPECT_EQ(kHttp.url(), "http://s3.example.com:8080/base");
}

TEST(ResolveAddress, FollowsTheStyle) {
  const auto show = [](const Endpoint& endpoint, AddressingStyle style, const char* bucket) {
    return Show(ResolveAddress(endpoint, style, bucket));
  };
  const Endpoint aws = AwsEndpoint("eu-west-1");
  EXPECT_EQ(show(aws, AddressingStyle::kAuto, "photos"),
            "https://photos.s3.eu-west-1.amazonaws.com|");
  EXPECT_EQ(show(aws, AddressingStyle::kAuto, "my.photos"),
            "https://s3.eu-west-1.amazonaws.com|/my.photos");
  EXPECT_EQ(show(aws, AddressingStyle::kAuto, "My_Photos"),
            "https://s3.eu-west-1.amazonaws.com|/My_Photos");
  EXPECT_EQ(show(aws, AddressingStyle::kPath, "photos"),
            "https://s3.eu-west-1.amazonaws.com|/photos");
  EXPECT_EQ(show(kHttp, AddressingStyle::kAuto, "photos"),
            "http://s3.example.com:8080|/base/photos");
  EXPECT_EQ(show(kHttps, AddressingStyle::kVirtual, "photos"), "https://photos.s3.example.com|");
  const Endpoint with_slash{"http", "h", "", "/base/"};
  EXPECT_EQ(show(with_slash, AddressingStyle::kPath, "photos"), "http://h|/base/photos");
  EXPECT_EQ(show(with_slash, AddressingStyle::kVirtual, "photos"), "http://photos.h|/base/");
  EXPECT_EQ(show(kHttp, AddressingStyle::kVirtual, "my.photos"),
            "http://my.photos.s3.example.com:8080|/base");
}

TEST(ResolveAddress, RefusesAVirtualHostThatCannotBe) {
  const auto resolve = [](const Endpoint& endpoint, const char* bucket) {
    ResolveAddress(endpoint, AddressingStyle::kVirtual, bucket);
  };
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve(kHttps, "my.photos"));
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve(kHttps, "My_Photos"));
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve(kHttp, "My_Photos"));
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve(kHttp, "a..b"));
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve({"http", "127.0.0.1", "9000", ""}, "photos"));
  EXPECT_ERROR(ErrorCode::kBadArgument, resolve({"http", "[::1]", "9000", ""}, "photos"));
}

TEST(ValidateBucketName, TakesS3sNamesAndLegacyOnes) {
  for (const char* name :
       {"abc", "my.bucket.name", "0numeric1", "My_Legacy.Bucket-", "1.2.3.4.5", "a..b"}) {
    EXPECT_NO_THROW(ValidateBucketName(name)) << name;
  }
  EXPECT_NO_THROW(ValidateBucketName(std::string(255, 'a')));
  for (const char* name : {"", "ab", "a/b", "a b", "bucket?", "192.168.5.4", "999.1.1.1",
                           "b\xc3\xbc"
                           "cket"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ValidateBucketName(name)) << name;
  }
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateBucketName(std::string(256, 'a')));
}

TEST(ValidateRegion, TakesNamesThatFitAScopeAndAHost) {
  for (const char* region : {"us-east-1", "auto", "garage", "default_zone"}) {
    EXPECT_NO_THROW(ValidateRegion(region)) << region;
  }
  for (const char* region : {"", "a/b", "a b", "eu.west", "-a", "a\n"}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ValidateRegion(region)) << region;
  }
}

TEST(Endpoint, KnowsTheRegionThatAHostNames) {
  const struct {
    const char *host, *region;
  } cases[] = {
      {"s3.eu-central-1.amazonaws.com", "eu-central-1"},
      {"s3-eu-west-1.amazonaws.com", "eu-west-1"},
      {"s3.dualstack.ap-southeast-2.amazonaws.com", "ap-southeast-2"},
      {"s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
      {"s3.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
      {"bucket.vpce-1a2b-3c4d.s3.us-east-2.vpce.amazonaws.com", "us-east-2"},
      {"s3.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
      {"s3.us-west-004.backblazeb2.com", "us-west-004"},
      {"s3.eu-central-2.wasabisys.com", "eu-central-2"},
      {"s3.fr-par.scw.cloud", "fr-par"},
      {"s3.gra.io.cloud.ovh.net", "gra"},
      {"s3.gra.cloud.ovh.net", "gra"},
      {"s3.amazonaws.com", ""},
      {"s3-accelerate.amazonaws.com", ""},
      {"s3-accelerate.dualstack.amazonaws.com", ""},
      {"s3.wasabisys.com", ""},
      {"nyc3.digitaloceanspaces.com", ""},
      {"eu-central-1.example.com", ""},
      {"s3.my-company-2.example.com", ""},
      {"s3.example.com", ""},
      {"account.r2.cloudflarestorage.com", ""},
      {"s3", ""},
      {"[::1]", ""},
      {"", ""},
  };
  for (const auto& known : cases) EXPECT_EQ(RegionInHost(known.host), known.region) << known.host;
}

TEST(Endpoint, KnowsThePartitionsOfRegions) {
  EXPECT_EQ(AwsPartition("eu-central-1"), "aws");
  EXPECT_EQ(AwsPartition("cn-north-1"), "aws-cn");
  EXPECT_EQ(AwsPartition("us-gov-west-1"), "aws-us-gov");
  EXPECT_EQ(AwsPartition("us-isob-east-1"), "aws-iso-b");
}

TEST(ResolveAddress, RefusesAnEndpointThatNamesTheBucketAlready) {
  const auto refusal = [](const Endpoint& endpoint, AddressingStyle style) {
    const Error error = test::ErrorOf([&] { ResolveAddress(endpoint, style, "media"); });
    EXPECT_EQ(error.code(), ErrorCode::kBadArgument);
    return std::string(error.what()) + " " + error.hint();
  };
  const Endpoint spaces{"https", "media.nyc3.digitaloceanspaces.com", "", ""};
  for (const AddressingStyle style : {AddressingStyle::kAuto, AddressingStyle::kVirtual}) {
    EXPECT_EQ(
        refusal(spaces, style),
        "endpoint \"https://media.nyc3.digitaloceanspaces.com\" names the bucket \"media\" "
        "already Leave the bucket out of the endpoint: \"https://nyc3.digitaloceanspaces.com\". "
        "If that is the server's own name, set neon_s3.addressing_style to \"path\".");
  }
  EXPECT_EQ(Show(ResolveAddress(spaces, AddressingStyle::kPath, "media")),
            "https://media.nyc3.digitaloceanspaces.com|/media");
  refusal({"https", "media.s3.eu-west-1.amazonaws.com", "", ""}, AddressingStyle::kPath);
  for (const char* path : {"/media", "/media/", "/base/media"}) {
    refusal({"https", "account.r2.cloudflarestorage.com", "", path}, AddressingStyle::kAuto);
    refusal({"https", "account.r2.cloudflarestorage.com", "", path}, AddressingStyle::kPath);
  }
  for (const Endpoint& other : {Endpoint{"http", "media", "9000", ""},
                                {"http", "h", "", "/mymedia"},
                                {"http", "media2.example.com", "", "/media/v1"}}) {
    EXPECT_NO_THROW(ResolveAddress(other, AddressingStyle::kAuto, "media")) << other.url();
  }
}

TEST(ResolveAddress, TakesABucketThatIsCalledAsAmazonsHosts) {
  for (const char* bucket : {"s3.us-east-1", "s3.us-east-1.amazonaws"}) {
    EXPECT_EQ(Show(ResolveAddress(AwsEndpoint("us-east-1"), AddressingStyle::kAuto, bucket)),
              std::string("https://s3.us-east-1.amazonaws.com|/") + bucket);
  }
  for (const char* host : {"media.s3.amazonaws.com", "media.s3-eu-west-1.amazonaws.com",
                           "media.bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"}) {
    const Endpoint endpoint{"https", host, "", ""};
    EXPECT_THROW(ResolveAddress(endpoint, AddressingStyle::kAuto, "media"), Error) << host;
  }
}

TEST(ValidateBucketName, SaysWhichKindsAreNotSupported) {
  for (const char* name : {"cache--usw2-az1--x-s3", "point--usw2-az1--xa-s3", "mfzwi23gnjvgw.mrap",
                           "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"}) {
    EXPECT_ERROR(ErrorCode::kUnsupported, ValidateBucketName(name)) << name;
  }
  EXPECT_NO_THROW(ValidateBucketName("cache--x-s3-not"));
}

TEST(ResolveAddress, TakesDnsLabelsForVirtualHostsOnly) {
  for (const std::string& bucket : {std::string(), std::string("-ab"), std::string("ab-"),
                                    std::string("a{b"), std::string(64, 'a')}) {
    EXPECT_ERROR(ErrorCode::kBadArgument, ResolveAddress(kHttps, AddressingStyle::kVirtual, bucket))
        << bucket;
  }
  EXPECT_EQ(ResolveAddress(kHttps, AddressingStyle::kVirtual, std::string(63, 'a')).host,
            std::string(63, 'a') + ".s3.example.com");
}

TEST(ValidateBucketName, TakesAnAccessPointOfLimitedLength) {
  const std::string arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/";
  EXPECT_NO_THROW(ValidateBucketName(arn + "files"));
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateBucketName(arn + std::string(255, 'a')));
  EXPECT_ERROR(ErrorCode::kBadArgument, ValidateBucketName("a{bc"));
}

TEST(IsRegion, HasALimit) {
  EXPECT_TRUE(IsRegion(std::string(63, 'a')));
  EXPECT_FALSE(IsRegion(std::string(64, 'a')));
}

TEST(RegionInHost, FindsNoneInOtherLabels) {
  for (const char* host : {"s3.files-in-east-1.example.com", "s3.eu-central-.example.com",
                           "s3.eu-central-x1.example.com"}) {
    EXPECT_EQ(RegionInHost(host), "") << host;
  }
}

TEST(ParseAddressingStyle, KnowsThree) {
  EXPECT_EQ(ParseAddressingStyle("auto"), AddressingStyle::kAuto);
  EXPECT_EQ(ParseAddressingStyle("virtual"), AddressingStyle::kVirtual);
  EXPECT_EQ(ParseAddressingStyle("path"), AddressingStyle::kPath);
  EXPECT_ERROR(ErrorCode::kBadArgument, ParseAddressingStyle("Path"));
}

TEST(IsHostName, KnowsWhatIsNone) {
  EXPECT_TRUE(IsHostName("a_b-1.example.com"));
  for (const char* host : {"", ".a", "a..b", "A", "a b", "a/"})
    EXPECT_FALSE(IsHostName(host)) << host;
}

}  // namespace
}  // namespace neon_s3

// The entry points of src/core without memory.
#include "core/access_point.h"
#include "core/bucket_config.h"
#include "core/bucket_setup.h"
#include "core/caller_headers.h"
#include "core/compression.h"
#include "core/content_disposition.h"
#include "core/copy_request.h"
#include "core/cors.h"
#include "core/credential_response.h"
#include "core/encoding.h"
#include "core/endpoint.h"
#include "core/json.h"
#include "core/listing_guard.h"
#include "core/mime_words.h"
#include "core/object_key.h"
#include "core/part_list.h"
#include "core/post_policy.h"
#include "core/presign.h"
#include "core/profile_file.h"
#include "core/request_signer.h"
#include "core/s3_error.h"
#include "core/s3_response.h"
#include "core/standard_config.h"
#include "core/sts_request.h"
#include "core/upload_headers.h"
#include "torture.h"

namespace neon_s3::test {
namespace {

using namespace std::string_literals;

constexpr std::int64_t kTime = 1769860800;  // 2026-01-31T12:00:00Z
const Credentials kCredentials{"AKIDEXAMPLEAKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                               "a/session+token=="};

Address BucketAddress() {
  return ResolveAddress(AwsEndpoint("eu-central-1"), AddressingStyle::kAuto, "a-bucket-of-files");
}

// One after the other, with a line for each.
class Lines {
 public:
  template <typename Text>
  Lines& operator<<(const Text& text) {
    text_.append(text).append("\n");
    return *this;
  }
  std::string text() const { return text_; }

 private:
  std::string text_;
};

std::string Presign(Presigner& presigner, const char* method, std::int64_t at) {
  const Address address = BucketAddress();
  PresignRequest request{method, &address, "eu-central-1", "a folder/a file é.png", 3600, at,
                         {},     {}};
  AddQueryParameter("response-content-type", "text/plain; charset=utf-8", &request.query);
  AddQueryParameter("versionId", "a version of a certain length", &request.query);
  AddSignedHeader("Content-Type", "application/octet-stream", &request.headers);
  UploadHeaders(UploadConstraints{std::nullopt, 12345, "0123456789abcdef0123456789abcdef", false})
      .AddTo(&request.headers);
  return presigner.Presign(request, kCredentials).url();
}

TEST(CoreTorture, Presign) {
  Torture([] {
    Presigner presigner;
    return Presign(presigner, "PUT", kTime);
  });
}

TEST(CoreTorture, PresignAgainAndAgain) {
  Presigner presigner;
  Torture([&] {
    return Presign(presigner, "PUT", kTime) + Presign(presigner, "GET", kTime) +
           Presign(presigner, "GET", kTime + 86400);
  });
}

TEST(CoreTorture, RefusedParameters) {
  for (const char* name : {"", "x-amz-date", "response-content-type\n", "a"}) {
    Torture([&] {
      QueryParameters query;
      AddQueryParameter("a", "b", &query);
      AddQueryParameter(name, "a\x01", &query);
      return "added"s;
    });
    Torture([&] {
      SignedHeaders headers;
      AddSignedHeader("a", "b", &headers);
      AddSignedHeader(name, "a\x01", &headers);
      return "added"s;
    });
  }
  Torture([] { return std::string(ParseMethod("purge everything there is")); });
  Torture([] { return std::string(ParseMethod("delete")); });
}

TEST(CoreTorture, PostPolicy) {
  Torture([] {
    const Address address = BucketAddress();
    PostPolicy policy(
        {&address, "eu-central-1", "a-bucket-of-files", "uploads/${filename}", 60, kTime},
        kCredentials);
    policy.AddField("Content-Type", "image/jpeg; charset=something");
    policy.AddConditions(R"([{"acl": "public-read-of-all"}, ["starts-with", "$x-amz-meta-note", ""],
                             ["content-length-range", 1, 1000]])");
    policy.AddLengthRange(1, 1000);
    SigV4Signer signer;
    const PostForm form = policy.Sign(kCredentials.secret_access_key, signer);
    return form.url + form.fields;
  });
}

TEST(CoreTorture, RefusedPolicies) {
  for (const char* conditions :
       {"[", "{}", "[[\"eq\", \"key\", \"no dollar in front of it\"]]", "[{\"policy\": \"a\"}]",
        "[[\"content-length-range\", 3, 2]]", "[{\"a\": \"first\"}, {\"a\": \"second\"}]"}) {
    Torture([&] {
      const Address address = BucketAddress();
      PostPolicy policy({&address, "eu-central-1", "a-bucket-of-files", "k", 60, kTime},
                        kCredentials);
      policy.AddConditions(conditions);
      return "added"s;
    });
  }
}

std::string Show(const HttpRequest& request) {
  Lines lines;
  lines << request.method << request.url;
  for (const HttpHeader& header : request.headers) lines << header.name << header.value;
  lines << request.body;
  return lines.text();
}

TEST(CoreTorture, SignedRequests) {
  RequestSigner kept;
  const auto sign = [](RequestSigner& signer, const S3Request& request) {
    return Show(signer.Sign(request, BucketAddress(), "eu-central-1", kCredentials, UtcTime(kTime),
                            Payload::kSigned));
  };
  using Make = S3Request (*)();
  const Make makes[] = {
      [] { return GetObject("a-bucket-of-files", "a key that is long enough", "a version"); },
      [] { return HeadObject("a-bucket-of-files", "a key that is long enough"); },
      [] {
        return PutObject("a-bucket-of-files", "a key that is long enough", "a body",
                         {"text/plain; charset=utf-8", {{"name", "value é"}, {"other", ""}}},
                         false);
      },
      [] {
        return DeleteObjects("a-bucket-of-files", {"the first key of all", "and a second <&>"});
      },
      [] {
        return ListObjects("a-bucket-of-files", {"a prefix of some length", "/", "b", "token", 7});
      },
      [] {
        return CreateMultipartUpload("a-bucket-of-files", "a key that is long enough", {},
                                     PartChecksum::kCrc32c);
      },
      [] {
        S3Request request =
            UploadPart("a-bucket-of-files", "key", "upload", 3, "a body", PartChecksum::kCrc32c);
        UseMd5(&request);
        return request;
      },
      [] {
        return CompleteMultipartUpload(
            "a-bucket-of-files", "key", "upload",
            {{1, "\"an etag that is quoted\"", {{"ChecksumCRC32C", "AAAAAA=="}}}, {2, "e"}}, false);
      },
      [] { return ListParts("a-bucket-of-files", "key", "an upload of some length", 5); },
      [] { return CreateBucket("a-bucket-of-files", "eu-central-1", true); },
      [] {
        return ListObjectVersions("a-bucket-of-files", {"a prefix of some length", "k", "v"});
      },
      [] {
        return UploadPartCopy(
            {"a-source-of-files", "a source é", "a version", "a-bucket-of-files", "key"}, "upload",
            1, {0, 1000});
      },
  };
  for (const Make make : makes) {
    Torture([&] {
      RequestSigner signer;
      return sign(signer, make());
    });
    Torture([&] { return sign(kept, make()); });
  }
}

TEST(CoreTorture, CallerHeaders) {
  for (const char* name : {"Content-Type", "X-Amz-Meta-Something-Longer", "x-amz-copy-source",
                           "no header", "host", "If-Match"}) {
    Torture([&] {
      CallerHeaders headers(kWithPut);
      headers.Add("cache-control", "no-cache, no-store, must-revalidate");
      headers.Add(name, " a value that has spaces at its end ");
      S3Request request = PutObject("a-bucket-of-files", "key", "", {}, true);
      headers.AddTo(kWithPut, &request);
      headers.AddToSource(&request);
      std::string all;
      for (const HttpHeader& header : request.headers) all.append(header.name).append(header.value);
      return all;
    });
  }
}

TEST(CoreTorture, Validators) {
  Torture([] {
    return MakeObjectKey("a prefix of some length/", "0c2ffb8e-0000-4000-8000-000000000000",
                         "C:\\a\\b.png");
  });
  for (const std::string& key : {""s, "a/../b of some length"s, std::string(1025, 'k')}) {
    Torture([&] {
      ValidateObjectKey(key);
      return "valid"s;
    });
  }
  for (const char* bucket : {"a", "a-bucket-of-files", "express--x-s3",
                             "arn:aws:s3:eu-west-1:123456789012:accesspoint/files",
                             "arn:aws:s3:eu-west-1:1:accesspoint", "point.mrap"}) {
    for (const AddressingStyle style :
         {AddressingStyle::kAuto, AddressingStyle::kVirtual, AddressingStyle::kPath}) {
      Torture([&] {
        ValidateBucketName(bucket);
        const Address address = ResolveAddress(AwsEndpoint("eu-central-1"), style, bucket);
        return address.scheme + address.host + address.path_prefix;
      });
    }
  }
  Torture([] {
    ValidateRegion("no region, as it has a comma");
    return "valid"s;
  });
  Torture([] {
    ValidateCredential("neon_s3.secret_access_key", "\"in quotes, which is a mistake\"");
    return "valid"s;
  });
  Torture([] { return WithoutFormatControls("a\u202eb of some length to allocate"); });
  Torture([] { return ContentDisposition("a file é \"quoted\".png", "inline"); });
  Torture([] {
    return DecodeMimeWords(
        "=?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOp?= =?utf-8?q?=C3=A9_and_more_of_it?=");
  });
  Torture([] {
    return std::to_string(
        ParsePartList(R"([{"part_number": 1, "etag": "an etag of some length"}])").size());
  });
  Torture([] { return std::to_string(ParsePartList(R"([{"part_number": 1}])").size()); });
  Torture([] {
    return std::to_string(IsJsonForJsonb(R"({"a": ["some", {"more": "of it, deeper"}]})"));
  });
  Torture([] { return CorsRulesFor({"https://app.example.com", "http://localhost:3000"}); });
  Torture([] { return OriginThatMayPut(CorsRulesFor({"https://*.example.com"})); });
  Torture([] { return OriginThatMatches("https://*.example.com").value_or("none"); });
}

TEST(CoreTorture, Replies) {
  Torture([] {
    const ObjectPage page = ParseObjectPage(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>a token that is long enough</NextContinuationToken>"
        "<Contents><Key>a%20key%20that%20is%20long%20enough</"
        "Key><LastModified>2026-01-31T12:00:00.250Z</LastModified>"
        "<ETag>&quot;an etag that is long "
        "enough&quot;</ETag><Size>90</Size><StorageClass>STANDARD</StorageClass></Contents>"
        "<CommonPrefixes><Prefix>a%20prefix%20that%20is%20long</Prefix></CommonPrefixes></"
        "ListBucketResult>");
    Lines lines;
    for (const ListedObject& object : page.objects)
      lines << object.key << object.etag << object.storage_class;
    return (lines << page.continuation_token).text();
  });
  Torture([] {
    const VersionPage page = ParseVersionPage(
        "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a key that is long "
        "enough</Key>"
        "<VersionId>a version that is long "
        "enough</VersionId><IsLatest>true</IsLatest><Size>1</Size></Version>"
        "<DeleteMarker><Key>another key that is long "
        "enough</Key><VersionId>v</VersionId><IsLatest>false</IsLatest>"
        "</DeleteMarker></ListVersionsResult>");
    Lines lines;
    for (const ListedVersion& version : page.versions) lines << version.key << version.version_id;
    return lines.text();
  });
  Torture([] {
    const auto deleted = ParseDeleteResult(
        "<DeleteResult><Deleted><Key>a key that is long enough</Key></Deleted><Error><Key>another "
        "key, denied</Key>"
        "<Code>AccessDenied</Code><Message>you may not delete it at "
        "all</Message></Error></DeleteResult>");
    Lines lines;
    for (const DeletedObject& object : deleted)
      lines << object.key << object.code << object.message;
    return lines.text();
  });
  Torture([] {
    return ParseUploadId(
        "<InitiateMultipartUploadResult><UploadId>an upload that is long "
        "enough</UploadId></InitiateMultipartUploadResult>");
  });
  Torture([] {
    return ParseTagging(
        "<Tagging><TagSet><Tag><Key>a key</Key><Value>a &amp; value that is "
        "long</Value></Tag></TagSet></Tagging>");
  });
  for (const char* body : {"", "<", "<a", "<html>not S3's, and long enough</html>",
                           "<ns:ListBucketResult><a></ns:ListBucketResult>",
                           "<ListBucketResult><Contents><Key>k</Key><Size>many</Size></Contents></"
                           "ListBucketResult>"}) {
    Torture([&] { return ParseObjectPage(body).continuation_token; });
    Torture([&] { return ParseUploadId(body); });
    Torture([&] { return std::to_string(ParseBucketList(body).size()); });
    Torture([&] { return std::to_string(ParsePartPage(body).parts.size()); });
  }
  Torture([] {
    HttpResponse response;
    response.status = 200;
    response.headers = {{"etag", "\"an etag that is long enough\""},
                        {"content-type", "application/octet-stream"},
                        {"content-length", "12"},
                        {"last-modified", "Sat, 31 Jan 2026 12:00:00 GMT"},
                        {"x-amz-meta-name", "=?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOp?="}};
    const ObjectInfo info = ParseObjectInfo(response);
    Lines lines;
    for (const auto& entry : info.metadata) lines << entry.first << entry.second;
    return (lines << info.etag << info.content_type).text();
  });
}

TEST(CoreTorture, Errors) {
  for (const int status : {301, 403, 404, 412, 503}) {
    Torture([&]() -> std::string {
      HttpResponse response;
      response.status = status;
      response.headers = {{"x-amz-request-id", "a request that is long enough"},
                          {"x-amz-bucket-region", "eu-west-1"}};
      response.body =
          "<Error><Code>AccessDeniedForSomeReason</Code><Message>why it was, and who</Message>"
          "<RequestId>a request that is long enough</RequestId><Region>eu-west-1</Region></Error>";
      throw MakeS3Error(GetObject("a-bucket-of-files", "a key that is long enough"), response,
                        kCredentials)
          .WithAttempts(3);
    });
  }
}

TEST(CoreTorture, BucketConfigs) {
  const std::pair<BucketConfig, const char*> configs[] = {
      {BucketConfig::kCors,
       R"([{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://app.example.com"], "MaxAgeSeconds": 9}])"},
      {BucketConfig::kPolicy, R"({"Version": "2012-10-17", "Statement": []})"},
      {BucketConfig::kLifecycle,
       R"({"Rules": [{"ID": "tmp", "Filter": {"And": {"Prefix": "a prefix that is long", "Tags": [{"Key": "a", "Value": "<&>"}]}},
           "Status": "Enabled", "Expiration": {"Days": 1}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]})"},
      {BucketConfig::kPublicAccessBlock, R"({"BlockPublicAcls": true})"},
      {BucketConfig::kVersioning, R"({"Status": "Enabled"})"},
      {BucketConfig::kLifecycle, R"({"Rules": [{"Unknown element, of some length": 1}]})"},
      {BucketConfig::kCors, "no JSON at all"},
  };
  for (const auto& [config, json] : configs) {
    Torture([config = config, json = json] {
      return BucketConfigJson(config, BucketConfigDocument(config, json));
    });
    Torture([json = json] { return std::to_string(SameConfig(json, json)); });
  }
  Torture([] {
    return WithAbortRule(
               "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>tmp</Prefix></"
               "Filter><Status>Enabled</Status>"
               "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>")
        .value_or("none");
  });
  Torture([] {
    return PublicReadPolicy("aws", "a-bucket-of-files") + PublicAccessBlock(false, true) +
           Versioning(true);
  });
}

TEST(CoreTorture, ProfilesAndStandardConfig) {
  Torture([] {
    const ProfileFile credentials = ParseProfileFile(
        "[default]\naws_access_key_id = AKIDEXAMPLEAKIDEXAMPLE\naws_secret_access_key = a secret "
        "that is long enough\n",
        ProfileFileKind::kCredentials, "/home/somebody/.aws/credentials");
    const ProfileFile config = ParseProfileFile(
        "[default]\nregion = eu-central-1\nservices = local-and-long-enough\ns3 =\n  "
        "addressing_style = path\n"
        "[profile other]\nrole_arn = arn:aws:iam::123456789012:role/files\nsource_profile = "
        "default\n"
        "[services local-and-long-enough]\ns3 =\n  endpoint_url = "
        "http://localhost:9000/and/a/path\n",
        ProfileFileKind::kConfig, "/home/somebody/.aws/config");
    const ProfileFile merged = MergeProfileFiles(credentials, config);
    const NamedProfile profile{"default", &merged.profiles.at("default"), &merged};
    const StandardConfig standard = ReadStandardConfig(nullptr, &profile);
    return (Lines() << standard.region.text << standard.endpoint.text << standard.endpoint.source
                    << standard.addressing_style.text)
        .text();
  });
  Torture([] {
    return std::to_string(ParseProfileFile("[default]\na line without anything\n",
                                           ProfileFileKind::kConfig, "/home/somebody/.aws/config")
                              .profiles.size());
  });
}

TEST(CoreTorture, Roles) {
  Torture([] {
    const OwnedCredentials found = ParseCredentialDocument(
        R"({"Code": "Success", "AccessKeyId": "AKIDEXAMPLEAKIDEXAMPLE", "SecretAccessKey": "a secret that is long enough",
            "Token": "a token that is long enough", "Expiration": "2026-01-31T12:00:00Z"})",
        "the container's agent");
    return std::string(found.secret_access_key).append(found.session_token);
  });
  for (const char* body : {"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>"
                           "AKIDEXAMPLEAKIDEXAMPLE</AccessKeyId>"
                           "<SecretAccessKey>a secret that is long "
                           "enough</SecretAccessKey><SessionToken>t</SessionToken>"
                           "<Expiration>2026-01-31T12:00:00Z</Expiration></Credentials></"
                           "AssumeRoleResult></AssumeRoleResponse>",
                           "no reply that anybody could read"}) {
    Torture([&] {
      return std::string(ParseAssumeRoleResponse(SecretString(body), "STS").secret_access_key);
    });
  }
  Torture([] {
    return ParseErrorResponse(SecretString("<ErrorResponse><Error><Code>AccessDeniedForSomeReason</"
                                           "Code></Error></ErrorResponse>"))
        .code;
  });
  Torture([] {
    const StsRequest request = MakeAssumeRole(
        AwsEndpoint("eu-central-1", "sts"), "eu-central-1",
        {"arn:aws:iam::123456789012:role/files", "a session", "an external id", "900"},
        kCredentials, UtcTime(kTime));
    return request.url + std::string(request.body);
  });
  Torture([] {
    return std::string(MakeAssumeRoleWithWebIdentity(
                           AwsEndpoint("eu-central-1", "sts"),
                           {"arn:aws:iam::123456789012:role/files", "a session", "", ""}, "a token")
                           .body);
  });
}

TEST(CoreTorture, Compression) {
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    Torture([&] {
      std::string packed, unpacked(100000, ' ');
      const auto write = [&](std::string_view bytes) { packed.append(bytes); };
      Compressor compressor(compression);
      compressor.Add(std::string(100000, 'x'), write);
      compressor.Finish(write);
      Decompressor decompressor(compression);
      std::string_view in = packed;
      std::size_t size = 0;
      while (!in.empty())
        size += decompressor.Read(&in, unpacked.data() + size, unpacked.size() - size);
      decompressor.CheckEnd();
      return unpacked.substr(0, size);
    });
  }
}

TEST(CoreTorture, ListingGuard) {
  Torture([] {
    ListingGuard guard;
    for (int i = 0; i < 20; ++i) guard.Check("the same marker over and over", 1);
    return "passed"s;
  });
}

}  // namespace
}  // namespace neon_s3::test

#include "core/request_signer.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace neon_s3 {
namespace {

using test::Json;

std::string HeaderOf(const HttpRequest& request, const std::string& name) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == name) return std::string(header.value);
  }
  return "none";
}

// What the vector says is asked for, and where.
S3Request RequestOf(const Json& vector, const std::string& method, const std::string& body) {
  S3Request request;
  request.method = method;
  request.payload = body;
  const std::string url = vector["url"];
  for (const auto& [name, value] : test::DecodeQuery(url)) request.query.Add(name, value);
  for (const auto& [name, value] : vector["signed_headers"].items()) {
    const bool added = name == "host" || name == "x-amz-content-sha256" || name == "x-amz-date" ||
                       name == "x-amz-security-token";
    if (!added) request.headers.push_back({name, SecretString(value.get<std::string>())});
  }
  const std::string path = test::PercentDecode(url.substr(0, url.find('?')));
  const std::size_t start = path.find('/', path.find("://") + 3);
  if (start != std::string::npos && start + 1 < path.size()) request.key = path.substr(start + 1);
  return request;
}

// The whole path goes as the key, so that the vectors' addressing doesn't matter.
Address AddressOf(const Json& vector) {
  const std::string url = vector["url"];
  const std::string scheme = url.substr(0, url.find("://"));
  return {scheme, vector["signed_headers"]["host"], ""};
}

TEST(RequestSigner, GivesTheAuthorizationOfTheHeaderVectors) {
  RequestSigner signer;
  const std::vector<Json> vectors = test::LoadVectors({test::kHeader, test::kPublicHeader});
  std::size_t streams = 0;  // bodies signed chunk by chunk, which RequestSigner does not do
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const std::string method = vector["method"], body = vector.value("body_utf8", "");
    const std::string region = vector["region"], payload_hash = vector["payload_hash"];
    const std::string access_key = vector["access_key"], secret_key = vector["secret_key"];
    const std::string token = test::TextOrEmpty(vector["session_token"]);
    if (payload_hash.rfind("STREAMING-", 0) == 0) {
      ++streams;
      continue;
    }
    const bool is_signed = payload_hash != kUnsignedPayload;
    const HttpRequest http =
        signer.Sign(RequestOf(vector, method, body), AddressOf(vector), region,
                    {access_key, secret_key, token}, UtcTime(test::ParseTime(vector["signed_at"])),
                    is_signed ? Payload::kSigned : Payload::kUnsigned);
    EXPECT_EQ(HeaderOf(http, "x-amz-content-sha256"), payload_hash);
    EXPECT_EQ(HeaderOf(http, "authorization"), vector["expected_authorization"]);
    EXPECT_EQ(http.method, method);
    EXPECT_EQ(http.body, body);
  }
  EXPECT_EQ(streams, 3 * test::VectorFolders().size());
}

const Credentials kKeys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

TEST(RequestSigner, SendsTheUrlThatItSigned) {
  const Address path{"https", "gw.example.com:8443", "/base/files"};
  S3Request request = GetObject("files", "a b/\xc3\xa9+~\"?#%2F", "v/1=");
  RequestSigner signer;
  const UtcTime time(1769860800);
  EXPECT_EQ(
      signer.Sign(request, path, "eu-central-1", kKeys, time, Payload::kUnsigned).url,
      "https://gw.example.com:8443/base/files/a%20b/%C3%A9%2B~%22%3F%23%252F?versionId=v%2F1%3D");
  EXPECT_EQ(
      WithoutSignature(request, path).url,
      "https://gw.example.com:8443/base/files/a%20b/%C3%A9%2B~%22%3F%23%252F?versionId=v%2F1%3D");
  EXPECT_EQ(WithoutSignature(GetBucketConfig("files", BucketConfig::kCors), path).url,
            "https://gw.example.com:8443/base/files?cors=");
  EXPECT_EQ(WithoutSignature(GetBucketConfig("files", BucketConfig::kCors),
                             {"https", "files.s3.example.com", ""})
                .url,
            "https://files.s3.example.com/?cors=");
  EXPECT_EQ(WithoutSignature(ListBuckets(), {"http", "127.0.0.1:9000", ""}).url,
            "http://127.0.0.1:9000/");
  EXPECT_EQ(WithoutSignature(ListObjects("files", {"p/", "/", "p/a", "", 7}), path).url,
            "https://gw.example.com:8443/base/"
            "files?delimiter=%2F&encoding-type=url&list-type=2&max-keys=7"
            "&prefix=p%2F&start-after=p%2Fa");
}

TEST(RequestSigner, SignsEveryHeader) {
  const S3Request request = PutObject(
      "files", "a", "body", {"text/plain", {{"Author", "J\xc3\xb6rg"}}}, /*overwrite=*/false);
  RequestSigner signer;
  const HttpRequest http =
      signer.Sign(request, {"https", "files.s3.amazonaws.com", ""}, "us-east-1",
                  {"AKIA", "secret", "token"}, UtcTime(1769860800), Payload::kSigned);
  EXPECT_NE(HeaderOf(http, "authorization")
                .find("SignedHeaders=content-type;host;if-none-match;x-amz-checksum-crc32c;"
                      "x-amz-content-sha256;x-amz-date;x-amz-meta-author;x-amz-security-token, "),
            std::string::npos);
  EXPECT_EQ(HeaderOf(http, "x-amz-content-sha256"),
            "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5");
  EXPECT_EQ(HeaderOf(http, "x-amz-date"), "20260131T120000Z");
  EXPECT_EQ(HeaderOf(http, "x-amz-security-token"), "token");
  EXPECT_EQ(HeaderOf(http, "host"), "none");  // libcurl sends it
  EXPECT_EQ(http.body, "body");
}

TEST(RequestSigner, LeavesAnonymousRequestsAlone) {
  const HttpRequest http = WithoutSignature(GetObject("files", "a"), {"https", "h", "/files"});
  EXPECT_TRUE(http.headers.empty());
  EXPECT_EQ(http.method, "GET");
}

}  // namespace
}  // namespace neon_s3

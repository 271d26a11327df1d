#include "core/credential_response.h"

#include <random>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

constexpr char kSource[] = "the source";

// As the documentation of EC2 has it.
constexpr std::string_view kInstanceDocument = R"({
  "Code" : "Success",
  "LastUpdated" : "2026-01-31T06:00:00Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAIOSFODNN7EXAMPLE",
  "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  "Token" : "FwoGZXIvYXdzEXAMPLE/TOKEN+==",
  "Expiration" : "2026-01-31T12:00:00Z"
})";

// As the documentation of ECS has it.
constexpr std::string_view kContainerDocument = R"({
  "RoleArn": "arn:aws:iam::123456789012:role/task",
  "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
  "SecretAccessKey": "wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY",
  "Token": "FwoGZXIvYXdzEXAMPLE/TOKEN+==",
  "Expiration": "2026-01-31T12:00:00Z"
})";

constexpr std::string_view kAssumeRole =
    R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <SourceIdentity>Alice</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>
      <SessionToken>FwoGZXIvYXdzEXAMPLE/TOKEN+==</SessionToken>
      <Expiration>2026-01-31T12:00:00Z</Expiration>
    </Credentials>
    <PackedPolicySize>8</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>)";

void ExpectExampleKeys(const OwnedCredentials& keys) {
  EXPECT_EQ(keys.access_key_id, "ASIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(keys.secret_access_key, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  EXPECT_EQ(keys.session_token, "FwoGZXIvYXdzEXAMPLE/TOKEN+==");
  EXPECT_EQ(keys.expires_at, 1769860800);
}

TEST(CredentialDocument, IsReadAsAwsDocumentsIt) {
  ExpectExampleKeys(ParseCredentialDocument(kInstanceDocument, kSource));
  ExpectExampleKeys(ParseCredentialDocument(kContainerDocument, kSource));
}

TEST(CredentialDocument, MayLackTokenAndExpiry) {
  for (const char* text :
       {R"({"AccessKeyId":"A","SecretAccessKey":"S"})",
        R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":null,"Expiration":null})",
        R"({"Other":{"Token":1,"AccessKeyId":[{"a":[]}]},"AccessKeyId":"A","N":-1.5,
                               "SecretAccessKey":"S","B":true,"L":["x",{"SecretAccessKey":"no"}]})"}) {
    const OwnedCredentials keys = ParseCredentialDocument(text, kSource);
    EXPECT_EQ(keys.access_key_id, "A");
    EXPECT_EQ(keys.secret_access_key, "S");
    EXPECT_EQ(keys.session_token, "");
    EXPECT_EQ(keys.expires_at, std::nullopt);
  }
}

TEST(CredentialDocument, SaysWhyThereAreNone) {
  const Error error = ErrorOf([] {
    ParseCredentialDocument(
        R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume CANARY"})", kSource);
  });
  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_STREQ(error.what(), "the source refused to give credentials");
  EXPECT_EQ(error.detail(), "Code AssumeRoleUnauthorizedAccess, HTTP status 200");
}

TEST(CredentialDocument, RefusesTheRest) {
  std::string deep = R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","x":)";
  deep += std::string(20, '[') + std::string(20, ']') + "}";
  const std::string documents[] = {
      "",
      "{",
      "null",
      "[]",
      "\"AccessKeyId\"",
      "{}",
      "<html>CANARY</html>",
      R"({"AccessKeyId":"A"})",
      R"({"AccessKeyId":"","SecretAccessKey":"CANARY"})",
      R"({"AccessKeyId":"A","SecretAccessKey":17})",
      R"({"AccessKeyId":"A","SecretAccessKey":["CANARY"]})",
      R"({"AccessKeyId":"A","SecretAccessKey":{"a":"CANARY"}})",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","Token":true})",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","Expiration":1769860800})",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","Expiration":"CANARY"})",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","Token":"a\r\nx-evil: 1"})",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY"} trailing)",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY)",
      "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"CANARY\xff\"}",
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY","x":1e999})",
      deep,
      "[" + std::string(60000, '['),
      std::string(60000, '{'),
      R"({"AccessKeyId":"A","SecretAccessKey":"CANARY"})" +
          std::string(kMaxCredentialReplySize, ' '),
  };
  for (const std::string& document : documents) {
    SCOPED_TRACE(document.substr(0, 80));
    const Error error = ErrorOf([&] { ParseCredentialDocument(document, kSource); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
    EXPECT_STREQ(error.what(), "malformed reply from the source");
    EXPECT_EQ(error.detail().find("CANARY"), std::string::npos);
  }
}

// Every prefix and every changed byte: a parse or an error.
TEST(CredentialDocument, SurvivesDamage) {
  std::mt19937 random(4);
  for (std::size_t size = 0; size < kInstanceDocument.size(); ++size) {
    EXPECT_EQ(ErrorOf([&] {
                ParseCredentialDocument(kInstanceDocument.substr(0, size), kSource);
              }).code(),
              ErrorCode::kMalformedReply);
  }
  for (int round = 0; round < 5000; ++round) {
    std::string document(kInstanceDocument);
    document[random() % document.size()] = static_cast<char>(random());
    try {
      ParseCredentialDocument(document, kSource);
    } catch (const Error&) {
    }
  }
}

TEST(AssumeRoleResponse, IsReadAsAwsDocumentsIt) {
  ExpectExampleKeys(ParseAssumeRoleResponse(SecretString(kAssumeRole), kSource));
  std::string web(kAssumeRole);
  for (std::size_t at = 0; (at = web.find("AssumeRoleRes", at)) != std::string::npos; at += 30) {
    web.replace(at, 10, "AssumeRoleWithWebIdentity");
  }
  ExpectExampleKeys(
      ParseAssumeRoleResponse(SecretString("<?xml version=\"1.0\"?>\n" + web), kSource));
}

TEST(AssumeRoleResponse, IsReadToTheEndOfEachText) {
  std::string parted(kAssumeRole);
  parted.replace(parted.find("K7MDENG"), 7, "<![CDATA[K7]]>MDE<!-- no -->NG");
  ExpectExampleKeys(ParseAssumeRoleResponse(SecretString(parted), kSource));
}

TEST(AssumeRoleResponse, RefusesTheRest) {
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "<a>";
  std::string no_token(kAssumeRole), bad_time(kAssumeRole);
  no_token.replace(no_token.find("<SessionToken>"), 3, "<X");
  bad_time.replace(bad_time.find("2026-01-31T"), 4, "soon");
  const std::string bodies[] = {
      "",
      "CANARY",
      "{}",
      "<AssumeRoleResponse/>",
      "<!DOCTYPE a [<!ENTITY x SYSTEM "
      "\"file:///etc/passwd\">]><AssumeRoleResponse>&x;</AssumeRoleResponse>",
      deep,
      no_token,
      bad_time,
      std::string(kAssumeRole) + std::string(kMaxCredentialReplySize, ' '),
  };
  for (const std::string& body : bodies) {
    SCOPED_TRACE(body.substr(0, 80));
    const Error error = ErrorOf([&] { ParseAssumeRoleResponse(SecretString(body), kSource); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply);
    EXPECT_EQ(std::string(error.what()) + error.detail(),
              std::string(error.what()) + error.detail());
    EXPECT_EQ(error.detail().find("CANARY"), std::string::npos);
  }
}

TEST(AssumeRoleResponse, SurvivesDamage) {
  std::mt19937 random(5);
  for (std::size_t size = 0; size < kAssumeRole.size(); ++size) {
    EXPECT_EQ(ErrorOf([&] {
                ParseAssumeRoleResponse(SecretString(kAssumeRole.substr(0, size)), kSource);
              }).code(),
              ErrorCode::kMalformedReply);
  }
  for (int round = 0; round < 5000; ++round) {
    SecretString body(kAssumeRole);
    body[random() % body.size()] = static_cast<char>(random());
    try {
      ParseAssumeRoleResponse(std::move(body), kSource);
    } catch (const Error&) {
    }
  }
}

TEST(ErrorResponse, GivesCodeAndRequestId) {
  const ErrorReply reply = ParseErrorResponse(SecretString(
      "<ErrorResponse "
      "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
      "<Code>AccessDenied</Code><Message>User: CANARY is not authorized</Message></Error>"
      "<RequestId>c6104cbe-af31</RequestId></ErrorResponse>"));
  EXPECT_EQ(DescribeErrorReply(reply, 403),
            "Code AccessDenied, HTTP status 403, RequestId c6104cbe-af31");
}

TEST(ErrorResponse, IsEmptyWhereItIsNone) {
  for (const char* body :
       {"", "<html/>", "<ErrorResponse><Error><Code>a b\n</Code></Error></ErrorResponse>",
        "<ErrorResponse><Error><Code>caf\xc3\xa9</Code></Error>"}) {
    EXPECT_EQ(DescribeErrorReply(ParseErrorResponse(SecretString(body)), 500), "HTTP status 500");
  }
}

}  // namespace
}  // namespace neon_s3

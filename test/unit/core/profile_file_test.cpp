#include "core/profile_file.h"

#include <random>

#include <gtest/gtest.h>

#include "core/error.h"

namespace neon_s3 {
namespace {

Profiles ParseCredentials(std::string_view text) {
  return ParseProfileFile(text, ProfileFileKind::kCredentials, "/creds").profiles;
}

ProfileFile ParseConfigFile(std::string_view text) {
  return ParseProfileFile(text, ProfileFileKind::kConfig, "/config");
}

Profiles ParseConfig(std::string_view text) { return ParseConfigFile(text).profiles; }

std::string ErrorOf(std::string_view text) {
  try {
    ParseCredentials(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCredentialsFile);
    return error.what();
  }
  return "no error";
}

TEST(ProfileFile, ReadsKeys) {
  const Profiles profiles = ParseCredentials(
      "# a comment\n"
      "[default]\n"
      "aws_access_key_id = AKIADEFAULT\n"
      "aws_secret_access_key=a/b+c==\n"
      "\n"
      "; another\n"
      "[temporary]\n"
      "AWS_Access_Key_Id=ASIATEMP\n"
      "aws_secret_access_key   =   s3cr=et#;x   \n"
      "aws_session_token = tok/en+==\n"
      "aws_expiration = 2026-01-31T12:00:00Z\n"
      "region = eu-central-1 # Frankfurt\n"
      "something = else\n");
  ASSERT_EQ(profiles.size(), 2u);
  const Profile& first = profiles.at("default");
  EXPECT_EQ(first.keys.access_key_id, "AKIADEFAULT");
  EXPECT_EQ(first.keys.secret_access_key, "a/b+c==");
  EXPECT_EQ(first.keys.session_token, "");
  EXPECT_EQ(first.keys.expires_at, std::nullopt);
  const Profile& second = profiles.at("temporary");
  EXPECT_EQ(second.keys.access_key_id, "ASIATEMP");
  EXPECT_EQ(second.keys.secret_access_key, "s3cr=et#;x");
  EXPECT_EQ(second.keys.session_token, "tok/en+==");
  EXPECT_EQ(second.keys.expires_at, 1769860800);
  EXPECT_EQ(second.region, "eu-central-1");
}

TEST(ProfileFile, ReadsRolesOfTheConfigFile) {
  const Profiles profiles = ParseConfig(
      "[default]\nregion = us-west-2\n"
      "[profile files]\n"
      "role_arn = arn:aws:iam::123456789012:role/files\n"
      "source_profile = default\n"
      "external_id = 12/3\n"
      "role_session_name = me\n"
      "duration_seconds = 900\n"
      "[profile \"two words\"]\ncredential_source = Ec2InstanceMetadata\n"
      "[profile process]\ncredential_process = /bin/false\n"
      "[not-a-profile]\nregion = x\n"
      "[sso-session s]\nregion = y\n"
      "[profiles]\nregion = z\n");
  EXPECT_EQ(profiles.size(), 4u);
  EXPECT_EQ(profiles.at("default").region, "us-west-2");
  EXPECT_EQ(profiles.at("files").role_arn, "arn:aws:iam::123456789012:role/files");
  EXPECT_EQ(profiles.at("files").source_profile, "default");
  EXPECT_EQ(profiles.at("files").external_id, "12/3");
  EXPECT_EQ(profiles.at("files").role_session_name, "me");
  EXPECT_EQ(profiles.at("files").duration_seconds, "900");
  EXPECT_EQ(profiles.at("two words").credential_source, "Ec2InstanceMetadata");
  EXPECT_EQ(profiles.at("process").credential_process, "/bin/false");
}

TEST(ProfileFile, LeavesNestedSettingsToTheirParent) {
  const Profiles profiles = ParseConfig(
      "[profile a]\n"
      "region = eu-west-1\n"
      "s3 =\n"
      "  region = nested\n"
      "\taws_secret_access_key = nested\n"
      "  Addressing_Style = path  # for MinIO\n"
      "  use_accelerate_endpoint=true\n"
      "  [default]\n"
      "output = json\n"
      "  aws_secret_access_key = continued\n"
      "aws_secret_access_key = own\n");
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_EQ(profiles.at("a").region, "eu-west-1");
  EXPECT_EQ(profiles.at("a").s3_addressing_style, "path");
  EXPECT_EQ(profiles.at("a").s3_use_accelerate_endpoint, "true");
  EXPECT_EQ(profiles.at("a").keys.secret_access_key, "own");
}

TEST(ProfileFile, ReadsWhereS3IsFromServicesSections) {
  const ProfileFile file = ParseConfigFile(
      "[services local]\n"
      "dynamodb =\n  endpoint_url = http://localhost:8000\n"
      "s3 =\n  endpoint_url = http://localhost:9000\n"
      "[profile dev]\nservices = local\nendpoint_url = http://localhost:4566\n"
      "use_fips_endpoint = true\nca_bundle = /ca.pem\n");
  ASSERT_EQ(file.s3_endpoint_urls.size(), 1u);
  EXPECT_EQ(file.s3_endpoint_urls.at("local"), "http://localhost:9000");
  EXPECT_EQ(file.profiles.at("dev").services, "local");
  EXPECT_EQ(file.profiles.at("dev").endpoint_url, "http://localhost:4566");
  EXPECT_EQ(file.profiles.at("dev").use_fips_endpoint, "true");
  EXPECT_EQ(file.profiles.at("dev").ca_bundle, "/ca.pem");
}

TEST(ProfileFile, TrimsKeysAndRefusesWhatCannotBeInOne) {
  EXPECT_EQ(ParseCredentials("[a]\naws_secret_access_key = \t s/e+c= \v\n")
                .at("a")
                .keys.secret_access_key,
            "s/e+c=");
  struct Case {
    std::string value;
    const char* fault;
  };
  const Case cases[] = {
      {std::string(65537, 'a'), "is longer than 65536 bytes"},
      {"\"AKIA\"", "is in quotes"},
      {"'AKIA'", "is in quotes"},
      {"AK\x01IA", "has the character U+0001"},
      {"AKIA\xc2\xa0", "has the character U+00A0"},
      {"\xe2\x80\x8b"
       "AKIA",
       "has the character U+200B"},
      {"\xef\xbb\xbf"
       "AKIA",
       "has the character U+FEFF"},
      {"AKIA\xa0", "has the byte 0xA0"},
      {"AKIA\x7f", "has the character U+007F"},
      {"AK\xe3\x80\x80IA", "has the character U+3000"},
  };
  for (const Case& c : cases) {
    for (const char* key : {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}) {
      EXPECT_EQ(ErrorOf("[a]\n[b]\n" + std::string(key) + " = " + c.value + "\n"),
                "invalid credentials file \"/creds\": line 3: " + std::string(key) +
                    " of profile \"b\" " + c.fault);
    }
  }
}

TEST(ProfileFile, TakesSpacesInsideASecretThatIsNeverSent) {
  EXPECT_EQ(
      ParseCredentials("[a]\naws_secret_access_key = my secret\n").at("a").keys.secret_access_key,
      "my secret");
}

TEST(ProfileFile, RefusesAKeyThatGoesOnInTheNextLine) {
  EXPECT_EQ(ErrorOf("[a]\naws_access_key_id = AKIA\n  MORE\n"),
            "invalid credentials file \"/creds\": line 3 continues the value of "
            "\"aws_access_key_id\"");
  EXPECT_EQ(ErrorOf("[a]\naws_access_key_id = AKIA\n  aws_secret_access_key = CANARY\n"),
            "invalid credentials file \"/creds\": line 3 continues the value of "
            "\"aws_access_key_id\"");
}

TEST(ProfileFile, TakesAFileThatIsIndentedThroughout) {
  const Profiles profiles = ParseCredentials(
      "  [default]\n    aws_access_key_id = AKIA\n    aws_secret_access_key = secret\n"
      "  [b]\n    aws_access_key_id = B\n");
  EXPECT_EQ(profiles.at("default").keys.secret_access_key, "secret");
  EXPECT_EQ(profiles.at("default").keys.access_key_id, "AKIA");
}

TEST(ProfileFile, TakesEveryKindOfLineEndAndAByteOrderMark) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string text = "\xef\xbb\xbf[default]" + std::string(end) + "aws_access_key_id=A" +
                             end + end + "aws_secret_access_key=S" + end + "output=o" + end +
                             "  x=1" + end + "[b]" + end + "region=r";
    const Profiles profiles = ParseCredentials(text);
    EXPECT_EQ(profiles.at("default").keys.access_key_id, "A");
    EXPECT_EQ(profiles.at("default").keys.secret_access_key, "S");
    EXPECT_EQ(profiles.at("b").region, "r");
  }
}

TEST(ProfileFile, MergesSectionsOfOneNameAndTheLastCounts) {
  const Profiles profiles = ParseCredentials(
      "[a]\naws_access_key_id=1\nregion=x\naws_access_key_id=2\n[b]\nregion=b\n[a]\naws_access_key_"
      "id=3\n");
  EXPECT_EQ(profiles.at("a").keys.access_key_id, "3");
  EXPECT_EQ(profiles.at("a").region, "x");
}

TEST(ProfileFile, KeepsLongTokens) {
  const std::string token(4000, 't');
  EXPECT_EQ(ParseCredentials("[a]\naws_session_token=" + token).at("a").keys.session_token,
            SecretString(token));
}

TEST(ProfileFile, IsEmptyWithoutSections) {
  EXPECT_TRUE(ParseCredentials("").empty());
  EXPECT_TRUE(ParseCredentials("\n\n# nothing\n").empty());
}

TEST(ProfileFile, SkipsExpiryTimesThatCannotBeRead) {
  const Profiles profiles = ParseCredentials("[a]\nx_security_token_expires = soon\n");
  EXPECT_EQ(profiles.at("a").keys.expires_at, std::nullopt);
}

TEST(ProfileFile, RefusesWhatWouldMoveKeysElsewhere) {
  EXPECT_EQ(ErrorOf("[a]\nregion=x\n[b\naws_access_key_id=1\n"),
            "invalid credentials file \"/creds\": line 3 has a \"[\" without a \"]\"");
  EXPECT_EQ(ErrorOf("aws_access_key_id=1\n"),
            "invalid credentials file \"/creds\": line 1 comes before the first \"[profile]\"");
  EXPECT_EQ(ErrorOf("[a]\r\n\r\nsecret words\r\n"),
            "invalid credentials file \"/creds\": line 3 is not \"key = value\"");
  EXPECT_EQ(ErrorOf("[a]\n=x\n"),
            "invalid credentials file \"/creds\": line 2 is not \"key = value\"");
  EXPECT_EQ(ErrorOf(std::string_view("[a]\nb=\0c\n", 9)),
            "invalid credentials file \"/creds\": it is not a text file");
}

TEST(ProfileFile, HasALimit) {
  std::string text = "[a]\n";
  while (text.size() < kMaxCredentialsFileSize - 20)
    text += "k" + std::to_string(text.size()) + "=v\n";
  EXPECT_NO_THROW(ParseCredentials(text));
  text.resize(kMaxCredentialsFileSize + 1, '\n');
  EXPECT_EQ(ErrorOf(text), "invalid credentials file \"/creds\": it is larger than 1 MiB");
}

TEST(ProfileFile, NeverShowsContentsAndNeverCrashes) {
  std::mt19937 random(4);
  const std::string_view pieces[] = {"[",
                                     "]",
                                     "=",
                                     "\n",
                                     "\r",
                                     " ",
                                     "\t",
                                     "#",
                                     ";",
                                     "<<<",
                                     "\"",
                                     "a",
                                     "aws_secret_access_key",
                                     "CANARY",
                                     "profile ",
                                     "\xff",
                                     "\x01",
                                     "\xef\xbb\xbf"};
  for (int round = 0; round < 20000; ++round) {
    std::string text = round % 2 == 0 ? "[a]\n" : "";
    for (auto i = random() % 40; i > 0; --i) text += pieces[random() % std::size(pieces)];
    for (const ProfileFileKind kind : {ProfileFileKind::kCredentials, ProfileFileKind::kConfig}) {
      try {
        ParseProfileFile(text, kind, "/creds");
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find("CANARY"), std::string::npos);
        EXPECT_EQ(error.detail() + error.hint(), "");
      }
    }
  }
}

TEST(MergeProfileFiles, PrefersTheCredentialsFileAndNeverMixesKeys) {
  const ProfileFile credentials = ParseProfileFile(
      "[a]\naws_access_key_id=A\naws_secret_access_key=S\nregion=first\n[b]\nregion=b\n",
      ProfileFileKind::kCredentials, "/creds");
  const Profiles merged =
      MergeProfileFiles(
          credentials,
          ParseConfigFile(
              "[profile a]\naws_access_key_id=other\naws_secret_access_key=other\n"
              "aws_session_token=other\nregion=second\nrole_arn=r\n"
              "[profile b]\naws_access_key_id=B\naws_secret_access_key=T\n[profile c]\nregion=c\n"))
          .profiles;
  EXPECT_EQ(merged.size(), 3u);
  EXPECT_EQ(merged.at("a").keys.access_key_id, "A");
  EXPECT_EQ(merged.at("a").keys.session_token, "");
  EXPECT_EQ(merged.at("a").region, "first");
  EXPECT_EQ(merged.at("a").role_arn, "r");
  EXPECT_FALSE(merged.at("a").keys_are_from_config);
  EXPECT_EQ(merged.at("b").keys.access_key_id, "B");
  EXPECT_TRUE(merged.at("b").keys_are_from_config);
  EXPECT_EQ(merged.at("c").region, "c");
}

TEST(ProfileFile, TakesEachKindOfSpaceAndQuotes) {
  const Profiles profiles = ParseConfig(
      "[profile a]\nregion = r1\v# a comment\n[profile b]\nregion = r2\f; a comment\n"
      "[profile 'c d']\nregion = 'r3\"\n");
  EXPECT_EQ(profiles.at("a").region, "r1");
  EXPECT_EQ(profiles.at("b").region, "r2");
  EXPECT_EQ(profiles.at("c d").region, "'r3\"");
}

TEST(MergeProfileFiles, TakesTheS3SectionAsAWhole) {
  ProfileFile credentials = ParseConfigFile(
      "[default]\nregion = r1\naws_secret_access_key = half\ns3 =\n  addressing_style = path\n");
  const ProfileFile config = ParseConfigFile(
      "[default]\nregion = r2\nca_bundle = /ca\naws_access_key_id = AKID\n"
      "s3 =\n  signature_version = s3v4\n");
  const Profile merged = MergeProfileFiles(credentials, config).profiles.at("default");
  EXPECT_EQ(merged.region + merged.ca_bundle, "r1/ca");
  EXPECT_EQ(merged.s3_addressing_style + merged.s3_signature_version, "path");
  EXPECT_TRUE(merged.keys.access_key_id.empty());
}

}  // namespace
}  // namespace neon_s3

#include "net/profile_source.h"

#include <gtest/gtest.h>

#include "net_test_util.h"

namespace neon_s3 {
namespace {

using namespace std::chrono_literals;
using test::ErrorOf;
using test::Pass;

class ProfileSourceTest : public testing::Test {
 protected:
  ProfileSourceTest() { environment_.Set("AWS_CONFIG_FILE", directory_.Write("config", "")); }

  // "access key/region", with the roles in front.
  std::string Find(const std::string& file, const std::string& profile = "") {
    const auto found = source_.Find(file, profile);
    if (!found) return "nothing";
    std::string text;
    for (const Profile* role : found->roles) text += role->role_arn + "<";
    if (found->web_identity != nullptr) {
      return text + found->web_identity->role_arn + "<" +
             found->web_identity->web_identity_token_file;
    }
    return text + std::string(found->keys->access_key_id) + "/" +
           source_.Look(file, profile).profile->region;
  }

  Error ErrorOfProfile(const std::string& profile) {
    return ErrorOf([&] { Find(directory_ / "creds", profile); });
  }

  static std::string Keys(const std::string& name, const std::string& id) {
    return "[" + name + "]\naws_access_key_id=" + id + "\naws_secret_access_key=CANARY\n";
  }

  test::TemporaryDirectory directory_;
  test::CleanEnvironment environment_;
  ProfileSource source_{test::TestClock};
};

TEST_F(ProfileSourceTest, TakesFileAndProfileFromTheCallerThenTheEnvironment) {
  const std::string one =
      directory_.Write("one", Keys("default", "1") + Keys("b", "1B") + Keys("c", "1C"));
  const std::string two = directory_.Write("two", Keys("default", "2") + Keys("c", "2C"));
  environment_.Set("AWS_SHARED_CREDENTIALS_FILE", two);
  EXPECT_EQ(Find(one), "1/");
  EXPECT_EQ(Find(one, "b"), "1B/");
  EXPECT_EQ(Find(""), "2/");
  environment_.Set("AWS_PROFILE", "c");
  EXPECT_EQ(Find(""), "2C/");
  EXPECT_EQ(Find(one, "b"), "1B/");
}

TEST_F(ProfileSourceTest, ReadsTheConfigFileToo) {
  environment_.Set("AWS_CONFIG_FILE", directory_.Write("config",
                                                       "[default]\nregion=eu-west-1\n"
                                                       "[profile only-here]\naws_access_key_id=K\n"
                                                       "aws_secret_access_key=s\nregion=x\n"));
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  EXPECT_EQ(Find(file), "A/eu-west-1");
  EXPECT_EQ(Find(file, "only-here"), "K/x");
}

TEST_F(ProfileSourceTest, FollowsRoles) {
  environment_.Set(
      "AWS_CONFIG_FILE",
      directory_.Write("config",
                       "[profile r]\nrole_arn=R\nsource_profile=default\nregion=eu\n"
                       "[profile q]\nrole_arn=Q\nsource_profile=r\n"
                       "[profile own]\nrole_arn=O\nsource_profile=own\n"
                       "aws_access_key_id=OWN\naws_secret_access_key=s\n"
                       "[profile loop]\nrole_arn=L\nsource_profile=pool\n"
                       "[profile pool]\nrole_arn=P\nsource_profile=loop\n"
                       "[profile lost]\nrole_arn=L\nsource_profile=none\n"
                       "[profile ec2]\nrole_arn=E\ncredential_source=Ec2InstanceMetadata\n"
                       "[profile bare]\nrole_arn=W\n"
                       "[profile mfa]\nrole_arn=M\nsource_profile=default\nmfa_serial=arn\n"
                       "[profile web]\nrole_arn=W\nweb_identity_token_file=/token\n"
                       "[profile via]\nrole_arn=V\nsource_profile=web\n"
                       "[profile tokenonly]\nweb_identity_token_file=/token\n"));
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  EXPECT_EQ(Find(file, "r"), "R<A/eu");
  EXPECT_EQ(Find(file, "q"), "R<Q<A/");
  EXPECT_EQ(Find(file, "own"), "O<OWN/");
  EXPECT_EQ(Find(file, "web"), "W</token");
  EXPECT_EQ(Find(file, "via"), "V<W</token");
  for (const char* broken : {"loop", "lost", "ec2", "bare", "mfa", "tokenonly"}) {
    EXPECT_EQ(ErrorOfProfile(broken).code(), ErrorCode::kCredentialsFile) << broken;
  }
  EXPECT_EQ(ErrorOfProfile("lost").what(),
            "profile \"lost\" of credentials file \"" + file +
                "\" has the source_profile \"none\", which does not exist");
}

TEST_F(ProfileSourceTest, FindsNothingWhereNobodyAsked) {
  // The real home directory has no files, or none of our keys; this one does not exist at all.
  environment_.Set("AWS_CONFIG_FILE", directory_.Write("config", "[default]\nregion=x\n"));
  ProfileSource source(test::TestClock);
  if (!source.Find("", "")) SUCCEED();
  EXPECT_EQ(ErrorOf([&] { source.Find("", "missing"); }).code(), ErrorCode::kCredentialsFile);
}

TEST_F(ProfileSourceTest, SaysWhatIsMissingOnceSomebodyAsked) {
  const std::string file = directory_ / "creds";
  EXPECT_EQ(ErrorOfProfile("").what(), "credentials file \"" + file + "\" does not exist");
  directory_.Write("creds",
                   "[half]\naws_access_key_id=A\n[other]\naws_secret_access_key=CANARY\n"
                   "[process]\ncredential_process=/bin/echo CANARY\n[empty]\n");
  const std::string of = "\" of credentials file \"" + file + "\" ";
  EXPECT_EQ(ErrorOfProfile("").what(), "profile \"default" + of + "does not exist");
  EXPECT_EQ(ErrorOfProfile("half").what(), "profile \"half" + of + "has no aws_secret_access_key");
  EXPECT_EQ(ErrorOfProfile("other").what(), "profile \"other" + of + "has no aws_access_key_id");
  EXPECT_EQ(ErrorOfProfile("process").what(),
            "profile \"process" + of + "has a credential_process, which is never run");
  EXPECT_EQ(ErrorOfProfile("empty").what(),
            "profile \"empty" + of + "has no aws_access_key_id and aws_secret_access_key");
}

// In the order in which AWS's tools would choose.
TEST_F(ProfileSourceTest, NamesSchemesThatItDoesNotSupport) {
  const std::string file = directory_.Write(
      "creds", Keys("sso", "S") + Keys("login", "L") + Keys("process", "P") + "[default]\n");
  const std::string sso = "sso_account_id=1\nsso_role_name=r\n";
  environment_.Set(
      "AWS_CONFIG_FILE",
      directory_.Write("config",
                       "[profile sso]\n" + sso + "[default]\nsso_session=s\n" +
                           "[profile login]\nlogin_session=l\n" +
                           "[profile process]\ncredential_process=/bin/false\n" +
                           "[profile process2]\ncredential_process=/bin/false\n" +
                           "aws_access_key_id=A\naws_secret_access_key=s\n" +
                           "[profile role]\nrole_arn=R\nsource_profile=sso\n" +
                           "[profile ec2]\nrole_arn=E\ncredential_source=Ec2InstanceMetadata\n"));
  const auto problem = [&](const std::string& profile) {
    const std::string what = ErrorOfProfile(profile).what();
    const std::string of = "\" of credentials file \"" + file + "\" ";
    return what.substr(what.find(of) + of.size());
  };
  EXPECT_EQ(Find(file, "login"), "L/");
  EXPECT_EQ(Find(file, "process"), "P/");
  EXPECT_EQ(problem("process2"), "has a credential_process, which is never run");
  for (const char* profile : {"sso", "role", ""}) {
    EXPECT_EQ(problem(profile), "uses IAM Identity Center (SSO), which is not supported");
  }
  EXPECT_EQ(problem("ec2"), "has a credential_source, which is not supported");
}

// Nobody named the profile, but it was going to be used.
TEST_F(ProfileSourceTest, NamesWhatTheDefaultProfileUsesEvenIfNobodyAsked) {
  environment_.Set("AWS_CONFIG_FILE",
                   directory_.Write("config", "[default]\nsso_session=s\nregion=x\n"));
  const Error error = ErrorOf([&] { source_.Find("", ""); });
  EXPECT_EQ(error.code(), ErrorCode::kCredentialsFile);
  EXPECT_NE(std::string(error.what()).find("(SSO)"), std::string::npos);
}

TEST_F(ProfileSourceTest, TakesAConfigFileThatAllMayReadIfItHasNoKeys) {
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  directory_.Write("config", "[default]\nregion=x\n", 0644);
  EXPECT_EQ(Find(file), "A/x");
  Pass(1s);
  directory_.Write("config", "[profile b]\naws_secret_access_key=CANARY\n", 0644);
  EXPECT_NE(std::string(ErrorOfProfile("").what()).find("has group or world access"),
            std::string::npos);
  directory_.Write("config", "[default]\nregion=x\n", 0664);
  EXPECT_NE(std::string(ErrorOfProfile("").what()).find("can be written by group or others"),
            std::string::npos);
}

TEST_F(ProfileSourceTest, NamedByTheEnvironmentAFileMustExist) {
  environment_.Set("AWS_SHARED_CREDENTIALS_FILE", directory_ / "none");
  EXPECT_EQ(ErrorOf([&] { Find(""); }).code(), ErrorCode::kCredentialsFile);
  environment_.Set("AWS_SHARED_CREDENTIALS_FILE", directory_.Write("creds", Keys("default", "A")));
  EXPECT_EQ(Find(""), "A/");
  environment_.Set("AWS_CONFIG_FILE", directory_ / "none");
  EXPECT_EQ(ErrorOf([&] { Find(""); }).code(), ErrorCode::kCredentialsFile);
}

TEST_F(ProfileSourceTest, ReadsAFileAgainWhenItChanges) {
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  EXPECT_EQ(Find(file), "A/");
  directory_.Write("creds", Keys("default", "B"));
  Pass(999ms);
  EXPECT_EQ(Find(file), "A/");
  Pass(1ms);
  EXPECT_EQ(Find(file), "B/");
  directory_.Write("config", "[default]\nregion=x\n");
  Pass(1s);
  EXPECT_EQ(Find(file), "B/x");
}

TEST_F(ProfileSourceTest, ServesNothingOldOnceAFileIsBad) {
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  EXPECT_EQ(Find(file), "A/");
  directory_.Write("creds", Keys("default", "B"), 0644);
  Pass(1s);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ErrorOfProfile("").code(), ErrorCode::kCredentialsFile);
  directory_.Write("creds", "[default\nCANARY");
  EXPECT_EQ(ErrorOfProfile("").code(), ErrorCode::kCredentialsFile);
  std::filesystem::remove(file);
  EXPECT_EQ(ErrorOfProfile("").code(), ErrorCode::kCredentialsFile);
  directory_.Write("creds", Keys("default", "C"));
  EXPECT_EQ(Find(file), "C/");
}

// The second file's error must not hide that the first one has changed.
TEST_F(ProfileSourceTest, NoticesBothFiles) {
  const std::string file = directory_.Write("creds", Keys("default", "A"));
  EXPECT_EQ(Find(file), "A/");
  directory_.Write("creds", Keys("default", "B"));
  directory_.Write("config", "", 0666);
  Pass(1s);
  EXPECT_EQ(ErrorOfProfile("").code(), ErrorCode::kCredentialsFile);
  directory_.Write("config", "");
  EXPECT_EQ(Find(file), "B/");
}

TEST_F(ProfileSourceTest, KeepsFilesApart) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) {
      const std::string id = std::to_string(i);
      if (round == 0) directory_.Write(id, Keys("default", id));
      EXPECT_EQ(Find(directory_ / id), id + "/");
    }
  }
}

TEST_F(ProfileSourceTest, ShowsNoSecrets) {
  directory_.Write("creds", Keys("a", "A") + "[half]\naws_secret_access_key=CANARY\n");
  for (const char* profile : {"", "half", "none"}) {
    EXPECT_EQ(test::AllOf(ErrorOfProfile(profile)).find("CANARY"), std::string::npos);
  }
}

}  // namespace
}  // namespace neon_s3

#include "net/file_reader.h"

#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "net_test_util.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

TEST(FileReader, ReadsPrivateFiles) {
  const test::TemporaryDirectory directory;
  for (const mode_t mode : {0400, 0600, 0700}) {
    const std::string path = directory.Write("creds", std::string("a\0b", 3), mode);
    const auto contents = ReadFile(path, FileKind::kPrivate);
    ASSERT_TRUE(contents);
    EXPECT_EQ(contents->text, SecretString("a\0b", 3));
    EXPECT_TRUE(IdentifyFile(path) == contents->identity);
  }
  EXPECT_EQ(ReadFile(directory.Write("empty", ""), FileKind::kPrivate)->text, "");
}

TEST(FileReader, HasNothingWhereThereIsNoFile) {
  const test::TemporaryDirectory directory;
  EXPECT_FALSE(ReadFile(directory / "none", FileKind::kPrivate));
  EXPECT_FALSE(ReadFile(directory / "none/deeper", FileKind::kPrivate));
  EXPECT_FALSE(ReadFile(directory.Write("file", "") + "/deeper", FileKind::kPrivate));
  EXPECT_FALSE(IdentifyFile(directory / "none"));
}

TEST(FileReader, RefusesOwnFilesThatOthersCanReach) {
  const test::TemporaryDirectory directory;
  for (const mode_t mode : {0640, 0604, 0644, 0620, 0602, 0666, 0610, 0601}) {
    const std::string path = directory.Write("creds", "CANARY", mode);
    const Error error = ErrorOf([&] { ReadFile(path, FileKind::kPrivate); });
    EXPECT_EQ(error.code(), ErrorCode::kCredentialsFile);
    EXPECT_EQ(error.what(), "credentials file \"" + path + "\" has group or world access");
    EXPECT_NE(error.hint().find("0600"), std::string::npos);
    EXPECT_EQ(ReadFile(path, FileKind::kToken)->text, "CANARY");
  }
}

// Kubernetes and Docker mount secrets like that. PostgreSQL takes such key files, too.
TEST(FileReader, TakesFilesOfRootThatItsGroupMayRead) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const test::TemporaryDirectory directory;
  chmod((directory / ".").c_str(), 0755);
  std::map<mode_t, std::string> files;
  for (const mode_t mode : {0440, 0640, 0444, 0644, 0460, 0650}) {
    files[mode] = directory.Write(std::to_string(mode), "CANARY", mode);
    ASSERT_EQ(chown(files[mode].c_str(), 0, 12345), 0);
  }
  ASSERT_EQ(setegid(12345), 0);
  ASSERT_EQ(seteuid(12345), 0);
  for (const auto& [mode, path] : files) {
    if (mode == 0440 || mode == 0640) {
      EXPECT_EQ(ReadFile(path, FileKind::kPrivate)->text, "CANARY");
      continue;
    }
    const Error error = ErrorOf([&, &path = path] { ReadFile(path, FileKind::kPrivate); });
    EXPECT_EQ(error.what(), "credentials file \"" + path + "\" has group write or world access");
    EXPECT_NE(error.hint().find("0640"), std::string::npos);
  }
  EXPECT_EQ(seteuid(0), 0);
  EXPECT_EQ(setegid(0), 0);
}

TEST(FileReader, RefusesFilesOfOtherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const test::TemporaryDirectory directory;
  const std::string path = directory.Write("creds", "x");
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(ErrorOf([&] { ReadFile(path, FileKind::kPrivate); }).what(),
            "credentials file \"" + path + "\" is owned by user 12345");
}

TEST(FileReader, RefusesWhatIsNoFileWithoutWaiting) {
  const test::TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, directory / ".", std::string("/dev/zero")}) {
    for (const FileKind kind : {FileKind::kPrivate, FileKind::kToken}) {
      const Error error = ErrorOf([&] { ReadFile(path, kind); });
      EXPECT_EQ(error.code(), ErrorCode::kCredentialsFile);
      EXPECT_EQ(error.what(), "credentials file \"" + path + "\" is not a regular file");
    }
  }
}

TEST(FileReader, HasALimit) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(
      ReadFile(directory.Write("big", std::string(1 << 20, 'x')), FileKind::kPrivate)->text.size(),
      std::size_t{1} << 20);
  const std::string path = directory.Write("big", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(ErrorOf([&] { ReadFile(path, FileKind::kToken); }).what(),
            "credentials file \"" + path + "\" is larger than 1 MiB");
}

TEST(FileReader, FollowsLinksToTheFileThatIsChecked) {
  const test::TemporaryDirectory directory;
  const std::string link = directory / "link";
  directory.Write("creds", "x", 0644);
  ASSERT_EQ(symlink("creds", link.c_str()), 0);
  EXPECT_EQ(ErrorOf([&] { ReadFile(link, FileKind::kPrivate); }).code(),
            ErrorCode::kCredentialsFile);
  directory.Write("creds", "x", 0600);
  EXPECT_EQ(ReadFile(link, FileKind::kPrivate)->text, "x");
}

TEST(FileIdentity, ChangesWithTheFile) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.Write("creds", "one");
  const auto first = IdentifyFile(path);
  directory.Write("creds", "two");
  const auto second = IdentifyFile(path);
  EXPECT_FALSE(first == second);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  chmod(path.c_str(), 0640);
  EXPECT_FALSE(IdentifyFile(path) == second);
}

}  // namespace
}  // namespace neon_s3

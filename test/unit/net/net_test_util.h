// An environment, files and a clock that end with the test.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/error.h"
#include "expect_error.h"
#include "net/monotonic.h"

namespace neon_s3::test {

// The environment without AWS's variables, and what the test adds to it.
class CleanEnvironment {
 public:
  CleanEnvironment() {
    for (const char* name : kNames) Change(name, nullptr);
  }
  CleanEnvironment(const CleanEnvironment&) = delete;
  ~CleanEnvironment() {
    for (const auto& [name, value] : saved_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

  void Set(const std::string& name, const std::string& value) { Change(name, value.c_str()); }

 private:
  void Change(const std::string& name, const char* value) {
    const char* old = std::getenv(name.c_str());
    saved_.emplace(name, old == nullptr ? std::optional<std::string>() : std::string(old));
    value == nullptr ? unsetenv(name.c_str()) : setenv(name.c_str(), value, 1);
  }

  static constexpr const char* kNames[] = {
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_PROFILE",
      "AWS_DEFAULT_PROFILE",
      "AWS_ENDPOINT_URL",
      "AWS_ENDPOINT_URL_S3",
      "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
      "AWS_CA_BUNDLE",
      "AWS_USE_FIPS_ENDPOINT",
      "AWS_USE_DUALSTACK_ENDPOINT",
      "AWS_SHARED_CREDENTIALS_FILE",
      "AWS_CONFIG_FILE",
      "AWS_REGION",
      "AWS_DEFAULT_REGION",
      "AWS_ROLE_ARN",
      "AWS_ROLE_SESSION_NAME",
      "AWS_WEB_IDENTITY_TOKEN_FILE",
      "AWS_ENDPOINT_URL_STS",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
      "AWS_EC2_METADATA_DISABLED",
      "AWS_EC2_METADATA_SERVICE_ENDPOINT",
      "AWS_METADATA_SERVICE_TIMEOUT",
      "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
      "http_proxy",
      "https_proxy",
      "all_proxy",
      "HTTPS_PROXY",
      "ALL_PROXY",
  };
  std::map<std::string, std::optional<std::string>> saved_;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "neon_s3-unit-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // A new file in place of an old one of that name.
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = *this / name, draft = path + ".new";
    std::ofstream(draft, std::ios::binary) << text;
    chmod(draft.c_str(), mode);
    std::filesystem::rename(draft, path);
    return path;
  }

 private:
  std::string path_;
};

// Time goes on only where the test says so.
inline MonotonicTime test_time{std::chrono::hours(1)};
inline MonotonicTime TestClock() { return test_time; }
inline void Pass(std::chrono::milliseconds time) { test_time += time; }

inline std::string AllOf(const Error& error) {
  return std::string(error.what()) + "|" + error.detail() + "|" + error.hint();
}

class Stopwatch {
 public:
  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(MonotonicNow() - start_);
  }

 private:
  MonotonicTime start_ = MonotonicNow();
};

}  // namespace neon_s3::test

// The signing vectors: the project's own in test/vectors, and where NEON_S3_VECTORS names a folder,
// those too.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/endpoint.h"

namespace neon_s3::test {

using Json = nlohmann::json;

struct VectorFile {
  const char* name;
  std::size_t cases;  // lines of the file in test/vectors; that of NEON_S3_VECTORS has no fewer
};
constexpr VectorFile kPresignCore{"presign-core.jsonl", 120};
constexpr VectorFile kPresignOther{"presign-other.jsonl", 200};
constexpr VectorFile kPublicPresign{"public-presign.jsonl", 48};
constexpr VectorFile kPostPolicy{"post_policy.jsonl", 100};
constexpr VectorFile kPublicPost{"public-post.jsonl", 5};
constexpr VectorFile kHeader{"header.jsonl", 60};
constexpr VectorFile kPublicHeader{"public-header.jsonl", 8};

inline std::vector<std::filesystem::path> VectorFolders() {
  std::vector<std::filesystem::path> folders = {NEON_S3_TEST_VECTORS};
  if (const char* more = std::getenv("NEON_S3_VECTORS")) folders.emplace_back(more);
  return folders;
}

// The cases of all FILES in both folders. Throws where a file is missing or shorter than it was.
inline std::vector<Json> LoadVectors(const std::vector<VectorFile>& files) {
  std::vector<Json> cases;
  for (const auto& folder : VectorFolders()) {
    for (const VectorFile& file : files) {
      const std::size_t before = cases.size();
      std::ifstream lines(folder / file.name);
      for (std::string line; std::getline(lines, line);) cases.push_back(Json::parse(line));
      if (cases.size() - before < file.cases) {
        throw std::runtime_error((folder / file.name).string() + " has " +
                                 std::to_string(cases.size() - before) + " cases instead of " +
                                 std::to_string(file.cases));
      }
    }
  }
  return cases;
}

// "2013-05-24T00:00:00Z" or "20130524T000000Z".
inline std::int64_t ParseTime(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '-' || c == ':'; }),
             text.end());
  std::tm tm{};
  if (strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &tm) == nullptr) throw std::invalid_argument(text);
  return timegm(&tm);
}

// The endpoints of the vectors are well formed; the real parser is libcurl's, in src/net.
inline Endpoint ParseVectorEndpoint(const std::string& url) {
  static const std::regex pattern(R"((https?)://(\[[^\]]*\]|[^:/]*)(?::(\d+))?(.*?)/?)");
  std::smatch match;
  if (!std::regex_match(url, match, pattern)) throw std::invalid_argument(url);
  Endpoint endpoint{match[1], match[2], match[3], match[4]};
  const bool is_default = endpoint.port == (endpoint.scheme == "https" ? "443" : "80");
  if (is_default) endpoint.port.clear();
  return endpoint;
}

inline std::string PercentDecode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      out.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// Decoded names and values, in the order of the URL.
inline std::vector<std::pair<std::string, std::string>> DecodeQuery(const std::string& url) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::size_t question = url.find('?');
  if (question == std::string::npos) return pairs;
  std::istringstream query(url.substr(question + 1));
  for (std::string pair; std::getline(query, pair, '&');) {
    const std::size_t equals = pair.find('=');
    const std::string value = equals == std::string::npos ? "" : pair.substr(equals + 1);
    pairs.emplace_back(PercentDecode(pair.substr(0, equals)), PercentDecode(value));
  }
  return pairs;
}

inline std::string TextOrEmpty(const Json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

}  // namespace neon_s3::test

// Signature Version 4 once more, as plainly as the AWS documentation has it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace plain {

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::string Hex(const unsigned char* bytes, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += "0123456789abcdef"[bytes[i] / 16];
    out += "0123456789abcdef"[bytes[i] % 16];
  }
  return out;
}

inline std::string Encoded(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (kept) {
      out += c;
    } else {
      out += {'%', "0123456789ABCDEF"[byte / 16], "0123456789ABCDEF"[byte % 16]};
    }
  }
  return out;
}

inline std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// Without spaces at its ends, and one where there are several.
inline std::string Trimmed(std::string value) {
  while (!value.empty() && value.front() == ' ') value.erase(0, 1);
  while (!value.empty() && value.back() == ' ') value.pop_back();
  for (std::size_t at; (at = value.find("  ")) != std::string::npos;) value.erase(at, 1);
  return value;
}

inline std::string SignedNames(Pairs headers) {
  for (auto& [name, value] : headers) name = Lower(name);
  std::sort(headers.begin(), headers.end());
  std::string names;
  for (const auto& [name, value] : headers) names += ";" + name;
  return names.empty() ? names : names.substr(1);
}

inline std::string CanonicalRequest(const std::string& method, const std::string& uri, Pairs query,
                                    Pairs headers, const std::string& payload_hash) {
  for (auto& [name, value] : query) {
    name = Encoded(name);
    value = Encoded(value);
  }
  std::sort(query.begin(), query.end());
  std::string query_text, header_text;
  for (const auto& [name, value] : query) {
    query_text += "&" + name + "=" + value;
  }
  if (!query_text.empty()) query_text.erase(0, 1);
  for (auto& [name, value] : headers) {
    name = Lower(name);
    value = Trimmed(value);
  }
  std::sort(headers.begin(), headers.end());
  for (const auto& [name, value] : headers) header_text += name + ":" + value + "\n";
  return method + "\n" + uri + "\n" + query_text + "\n" + header_text + "\n" +
         SignedNames(headers) + "\n" + payload_hash;
}

inline std::string Sha256Hex(const std::string& text) {
  unsigned char hash[32];
  EVP_Digest(text.data(), text.size(), hash, nullptr, EVP_sha256(), nullptr);
  return Hex(hash, sizeof hash);
}

inline std::string Hmac(const std::string& key, const std::string& message) {
  unsigned char hash[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), hash, nullptr);
  return {reinterpret_cast<const char*>(hash), sizeof hash};
}

inline std::string Signature(const std::string& secret, const std::string& date,
                             const std::string& region, const std::string& text) {
  const std::string key =
      Hmac(Hmac(Hmac(Hmac("AWS4" + secret, date), region), "s3"), "aws4_request");
  const std::string signature = Hmac(key, text);
  return Hex(reinterpret_cast<const unsigned char*>(signature.data()), signature.size());
}

}  // namespace plain

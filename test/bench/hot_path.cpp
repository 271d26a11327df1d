// The signer's hot path for callgrind: hot_path get|put|token|hashes COUNT. Instructions per URL
// are the difference between two counts (test/bench/instructions does that).
#include <cstdlib>
#include <string>

#include "core/crypto.h"
#include "core/presign.h"

namespace {

using namespace neon_s3;

volatile char sink;

void Consume(const PresignedUrl& url) {
  char text[4096];
  url.CopyTo(text);
  sink = text[url.size() - 1];
}

// Signs `count` URLs; `last` sees the last one.
template <typename Last>
void SignMany(const std::string& what, int count, const Last& last) {
  const Address address{"https", "my-bucket.s3.eu-central-1.amazonaws.com", ""};
  const std::string token(what == "token" ? 356 : 0, 't');
  const Credentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                token};
  std::string key = "uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c0000-photo.jpg";
  PresignRequest request{
      what == "get" ? "GET" : "PUT", &address, "eu-central-1", key, 300, 1795305600, {}, {}};
  Presigner presigner;
  for (int i = 0; i < count; ++i) {
    key[50] = static_cast<char>('a' + i % 6);
    request.Clear();
    if (what != "get") AddSignedHeader("content-type", "image/png", &request.headers);
    const PresignedUrl url = presigner.Presign(request, credentials);
    Consume(url);
    if (i + 1 == count) last(url);
  }
}

// What nobody can leave out, of a PUT: the request's hash, and the HMAC of that hash with a key
// that has hashed what comes before it.
void HashMany(int count) {
  std::string request, head, hash;
  SignMany("put", 1, [&](const PresignedUrl& url) {
    request = url.canonical_request;
    head = url.string_to_sign.substr(0, url.string_to_sign.size() - 64);
    hash = url.string_to_sign.substr(head.size());
  });
  Sha256 sha256;
  HmacSha256Key key = HmacSha256Key(sha256, "a key of thirty-two bytes, or so").WithPrefix(head);
  for (int i = 0; i < count; ++i) {
    sink = static_cast<char>(sha256.Digest(request)[0]);
    sink = static_cast<char>(key.Sign(hash)[0]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string what = argv[1];
  const int count = std::atoi(argv[2]);
  what == "hashes" ? HashMany(count) : SignMany(what, count, [](const PresignedUrl&) {});
}

// The signer beside the bare hashing of the same bytes: one SHA-256 over the canonical request, and
// one HMAC whose key states are there already.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "core/crypto.h"
#include "core/encoding.h"
#include "core/presign.h"

namespace neon_s3 {
namespace {

const Address kAddress{"https", "my-bucket.s3.eu-central-1.amazonaws.com", ""};
const Credentials kCredentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                               ""};

std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 1024; ++i) {
    keys.push_back("uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c" + std::to_string(1000 + i) +
                   "-photo.jpg");
  }
  return keys;
}

PresignRequest Request(std::string_view method, std::string_view key) {
  return {method, &kAddress, "eu-central-1", key, 300, 1795305600, {}, {}};
}

void BM_PresignGet(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  Presigner presigner;
  PresignRequest request = Request("GET", "");
  std::size_t i = 0;
  for (auto _ : state) {
    request.Clear();
    request.key = keys[++i % keys.size()];
    benchmark::DoNotOptimize(presigner.Presign(request, kCredentials));
  }
}
BENCHMARK(BM_PresignGet);

void BM_PresignPut(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  Presigner presigner;
  PresignRequest request = Request("PUT", "");
  std::size_t i = 0;
  for (auto _ : state) {
    request.Clear();
    request.key = keys[++i % keys.size()];
    AddSignedHeader("content-type", "image/png", &request.headers);
    benchmark::DoNotOptimize(presigner.Presign(request, kCredentials));
  }
}
BENCHMARK(BM_PresignPut);

void BM_PresignPutWithToken(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  const std::string token(356, 't');
  const Credentials credentials{kCredentials.access_key_id, kCredentials.secret_access_key, token};
  Presigner presigner;
  PresignRequest request = Request("PUT", "");
  std::size_t i = 0;
  for (auto _ : state) {
    request.Clear();
    request.key = keys[++i % keys.size()];
    AddSignedHeader("content-type", "image/png", &request.headers);
    benchmark::DoNotOptimize(presigner.Presign(request, credentials));
  }
}
BENCHMARK(BM_PresignPutWithToken);

// Another second each time: nothing but the signing key is there already.
void BM_PresignPutOfAnotherSecond(benchmark::State& state) {
  Presigner presigner;
  PresignRequest request =
      Request("PUT", "uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c1000-photo.jpg");
  for (auto _ : state) {
    request.signed_at ^= 1;
    request.Clear();
    AddSignedHeader("content-type", "image/png", &request.headers);
    benchmark::DoNotOptimize(presigner.Presign(request, kCredentials));
  }
}
BENCHMARK(BM_PresignPutOfAnotherSecond);

// The stages that hash, of one PUT. The HMAC's key has hashed what comes before the request's hash.
struct HashedPut {
  HashedPut() : key(sha256, "a key of thirty-two bytes, or so") {
    Presigner presigner;
    const std::string object_key = Keys().front();
    PresignRequest put = Request("PUT", object_key);
    AddSignedHeader("content-type", "image/png", &put.headers);
    const PresignedUrl url = presigner.Presign(put, kCredentials);
    request = url.canonical_request;
    hash = url.string_to_sign.substr(url.string_to_sign.size() - 64);
    key = key.WithPrefix(url.string_to_sign.substr(0, url.string_to_sign.size() - 64));
  }

  Sha256 sha256;
  HmacSha256Key key;
  std::string request, hash;
};

void BM_Sha256OfTheRequest(benchmark::State& state) {
  HashedPut put;
  for (auto _ : state) benchmark::DoNotOptimize(put.sha256.Digest(put.request));
}
BENCHMARK(BM_Sha256OfTheRequest);

void BM_HmacOfTheHash(benchmark::State& state) {
  HashedPut put;
  for (auto _ : state) benchmark::DoNotOptimize(put.key.Sign(put.hash));
}
BENCHMARK(BM_HmacOfTheHash);

void BM_BareHashesOfThePut(benchmark::State& state) {
  HashedPut put;
  for (auto _ : state) {
    benchmark::DoNotOptimize(put.sha256.Digest(put.request));
    benchmark::DoNotOptimize(put.key.Sign(put.hash));
  }
}
BENCHMARK(BM_BareHashesOfThePut);

// What EVP costs over OpenSSL's low-level functions, which are deprecated and bypass a FIPS
// provider.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void BM_BareHashesLowLevel(benchmark::State& state) {
  const HashedPut put;
  SHA256_CTX inner, outer;
  const std::string blocks(128, 'b');
  SHA256_Init(&inner);
  SHA256_Update(&inner, blocks.data(), 128);
  SHA256_Init(&outer);
  SHA256_Update(&outer, blocks.data(), 64);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  for (auto _ : state) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, put.request.data(), put.request.size());
    SHA256_Final(digest, &context);
    context = inner;
    SHA256_Update(&context, put.hash.data(), put.hash.size());
    SHA256_Final(digest, &context);
    context = outer;
    SHA256_Update(&context, digest, sizeof digest);
    SHA256_Final(digest, &context);
    benchmark::DoNotOptimize(digest);
  }
}
BENCHMARK(BM_BareHashesLowLevel);
#pragma GCC diagnostic pop

// The same with the one-shot functions, as most code has it.
void BM_BareHashesOneShot(benchmark::State& state) {
  const HashedPut put;
  const std::string string_to_sign(140, 's');
  unsigned char digest[SHA256_DIGEST_LENGTH];
  for (auto _ : state) {
    SHA256(reinterpret_cast<const unsigned char*>(put.request.data()), put.request.size(), digest);
    HMAC(EVP_sha256(), digest, sizeof digest,
         reinterpret_cast<const unsigned char*>(string_to_sign.data()), string_to_sign.size(),
         digest, nullptr);
    benchmark::DoNotOptimize(digest);
  }
}
BENCHMARK(BM_BareHashesOneShot);

void BM_DeriveSigningKey(benchmark::State& state) {
  Sha256 sha256;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        DeriveSigningKey(sha256, kCredentials.secret_access_key, "20261122", "eu-central-1", "s3"));
  }
}
BENCHMARK(BM_DeriveSigningKey);

void BM_UriEncodeKeyWithSpaces(benchmark::State& state) {
  const std::string key = "uploads/Übersicht der Ausgaben, zweites Quartal 2026 (Entwurf).pdf";
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendUriEncodedPath(key, &out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_UriEncodeKeyWithSpaces);

void BM_UriEncodePlainKey(benchmark::State& state) {
  const std::string key = Keys().front();
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendUriEncodedPath(key, &out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_UriEncodePlainKey);

}  // namespace
}  // namespace neon_s3

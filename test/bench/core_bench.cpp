// The signer beside the bare hashing of the same bytes: one SHA-256 over the canonical request, and one
// HMAC whose key states are there already.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/crypto.h"
#include "core/encoding.h"
#include "core/presign.h"

namespace neon_s3 {
namespace {

const Address kAddress{"https", "my-bucket.s3.eu-central-1.amazonaws.com", ""};
const Credentials kCredentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 1024; ++i) {
    keys.push_back("uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c" + std::to_string(1000 + i) + "-photo.jpg");
  }
  return keys;
}

PresignRequest Request(std::string_view method, std::string_view key) {
  return {method, &kAddress, "eu-central-1", key, 300, 1795305600};
}

void BM_PresignGet(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  Presigner presigner;
  std::size_t i = 0;
  for (auto _ : state) {
    presigner.Begin();
    benchmark::DoNotOptimize(presigner.Presign(Request("GET", keys[++i % keys.size()]), kCredentials));
  }
}
BENCHMARK(BM_PresignGet);

void BM_PresignPut(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  Presigner presigner;
  std::size_t i = 0;
  for (auto _ : state) {
    presigner.Begin();
    AddSignedHeader("content-type", "image/png", &presigner.headers());
    benchmark::DoNotOptimize(presigner.Presign(Request("PUT", keys[++i % keys.size()]), kCredentials));
  }
}
BENCHMARK(BM_PresignPut);

void BM_PresignPutWithToken(benchmark::State& state) {
  const std::vector<std::string> keys = Keys();
  const std::string token(700, 't');
  const Credentials credentials{kCredentials.access_key_id, kCredentials.secret_access_key, token};
  Presigner presigner;
  std::size_t i = 0;
  for (auto _ : state) {
    presigner.Begin();
    AddSignedHeader("content-type", "image/png", &presigner.headers());
    benchmark::DoNotOptimize(presigner.Presign(Request("PUT", keys[++i % keys.size()]), credentials));
  }
}
BENCHMARK(BM_PresignPutWithToken);

// Another second each time: nothing but the signing key is there already.
void BM_PresignPutOfAnotherSecond(benchmark::State& state) {
  Presigner presigner;
  PresignRequest request = Request("PUT", "uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c1000-photo.jpg");
  for (auto _ : state) {
    request.signed_at ^= 1;
    presigner.Begin();
    AddSignedHeader("content-type", "image/png", &presigner.headers());
    benchmark::DoNotOptimize(presigner.Presign(request, kCredentials));
  }
}
BENCHMARK(BM_PresignPutOfAnotherSecond);

void BM_BareHashesOfThePut(benchmark::State& state) {
  Presigner presigner;
  presigner.Begin();
  AddSignedHeader("content-type", "image/png", &presigner.headers());
  const PresignedUrl url = presigner.Presign(
      Request("PUT", "uploads/2026/11/0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c1000-photo.jpg"), kCredentials);
  const std::string request(url.canonical_request), string_to_sign(url.string_to_sign);
  Sha256 sha256;
  HmacSha256Key key = DeriveSigningKey(sha256, kCredentials.secret_access_key, "20261122", "eu-central-1", "s3");
  for (auto _ : state) {
    benchmark::DoNotOptimize(sha256.Digest(request));
    benchmark::DoNotOptimize(key.Sign(string_to_sign));
  }
}
BENCHMARK(BM_BareHashesOfThePut);

void BM_DeriveSigningKey(benchmark::State& state) {
  Sha256 sha256;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        DeriveSigningKey(sha256, kCredentials.secret_access_key, "20261122", "eu-central-1", "s3"));
  }
}
BENCHMARK(BM_DeriveSigningKey);

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

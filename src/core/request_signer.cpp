#include "core/request_signer.h"

#include "core/encoding.h"
#include "core/presign.h"

namespace neon_s3 {
namespace {

HttpRequest StartRequest(const S3Request& request, const Address& address, QueryParameters* query) {
  HttpRequest http;
  http.method = request.method;
  AppendObjectUrl(address, request.key, &http.url);
  *query = request.query;
  query->SortByEncodedName();
  http.headers = request.headers;
  http.body = request.body();
  return http;
}

void AppendQuery(const QueryParameters& query, std::string* url) {
  if (query.empty()) return;
  url->push_back('?');
  query.AppendTo(url);
}

}  // namespace

HttpRequest RequestSigner::Sign(const S3Request& request, const Address& address,
                                std::string_view region, const Credentials& credentials,
                                const UtcTime& time, Payload payload) {
  QueryParameters query;
  HttpRequest http = StartRequest(request, address, &query);
  const std::size_t path = address.scheme.size() + 3 + address.host.size();

  std::string payload_hash(kUnsignedPayload);
  if (payload == Payload::kSigned) {
    const Sha256Digest digest = signer_.Digest(http.body);
    payload_hash.clear();
    AppendHex(digest.data(), digest.size(), &payload_hash);
  }
  http.headers.push_back({"x-amz-content-sha256", SecretString(payload_hash)});
  http.headers.push_back({"x-amz-date", SecretString(time.timestamp())});
  if (!credentials.session_token.empty()) {
    http.headers.push_back({"x-amz-security-token", SecretString(credentials.session_token)});
  }

  SignedHeaders headers;
  headers.Add("host", address.host);
  for (const HttpHeader& header : http.headers) headers.Add(header.name, header.value);
  headers.SortByName();
  const RequestToSign to_sign{request.method, std::string_view(http.url).substr(path), query,
                              headers, payload_hash};
  http.headers.push_back(
      {"authorization", signer_.Authorize(to_sign, region, kS3Service, credentials, time)});
  AppendQuery(query, &http.url);
  return http;
}

HttpRequest WithoutSignature(const S3Request& request, const Address& address) {
  QueryParameters query;
  HttpRequest http = StartRequest(request, address, &query);
  AppendQuery(query, &http.url);
  return http;
}

}  // namespace neon_s3

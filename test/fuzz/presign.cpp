// A presigned URL as a whole, from what SQL gives: an Error, or a URL that takes apart into just
// that, with the signature that the server will compute.
#include "core/presign.h"

#include "core/access_point.h"
#include "core/arn.h"
#include "core/object_key.h"
#include "core/text.h"
#include "net/endpoint_url.h"

#include "fuzz.h"
#include "plain_signer.h"

using namespace neon_s3;

namespace {

struct Arguments {
  std::string method, endpoint, style, region, bucket;
  std::optional<std::string> key;
  std::string access_key_id, secret_access_key, session_token;
  std::int64_t expires_in, signed_at;
  plain::Pairs query, headers;
};

Arguments Read(Input& input) {
  Arguments args;
  for (std::string* text : {&args.method, &args.endpoint, &args.style, &args.region, &args.bucket,
                            &args.access_key_id, &args.secret_access_key, &args.session_token}) {
    *text = input.Text();
  }
  const std::string_view key = input.Text();
  if (key != "-") args.key = key;
  args.expires_in = input.Number();
  args.signed_at = input.Number();
  while (!input.empty()) {
    const std::string_view kind_and_name = input.Text(), value = input.Text();
    if (kind_and_name.empty()) continue;
    if (kind_and_name.front() == '?') args.query.emplace_back(kind_and_name.substr(1), value);
    if (kind_and_name.front() == ':') args.headers.emplace_back(kind_and_name.substr(1), value);
  }
  return args;
}

// What of a URL a server reads.
struct Url {
  std::string origin, path;
  plain::Pairs query;
};

std::string Decoded(std::string_view text) {
  const auto decoded = UriDecoded(text, false);
  Require(decoded.has_value());
  return *decoded;
}

Url TakeApart(const std::string& text) {
  Require(IsPrintable(text) && text.find_first_of("#\"<>\\^`{|}") == std::string::npos);
  const std::size_t path = text.find('/', text.find("://") + 3), query = text.find('?');
  Require(path < query && query != std::string::npos);
  Url url{text.substr(0, path), text.substr(path, query - path), {}};
  for (std::size_t at = query + 1; at <= text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::size_t equals = text.find('=', at);
    Require(equals < end);
    url.query.emplace_back(Decoded(text.substr(at, equals - at)),
                           Decoded(text.substr(equals + 1, end - equals - 1)));
    at = end + 1;
  }
  return url;
}

std::string TakeParameter(const std::string& name, plain::Pairs* query) {
  const auto found = std::find_if(query->begin(), query->end(),
                                  [&](const auto& field) { return field.first == name; });
  Require(found != query->end());
  std::string value = found->second;
  query->erase(found);
  return value;
}

// As the server does: from the URL, the host and the headers that the client sends.
std::string ExpectedSignature(const Arguments& args, const Url& url, const std::string& date,
                              const std::string& region) {
  plain::Pairs query = url.query, headers = args.headers;
  TakeParameter("X-Amz-Signature", &query);
  headers.emplace_back("host", url.origin.substr(url.origin.find("://") + 3));
  const std::string request =
      plain::CanonicalRequest(args.method, url.path, query, headers, "UNSIGNED-PAYLOAD");
  const std::string text = "AWS4-HMAC-SHA256\n" + date + "\n" + date.substr(0, 8) + "/" + region +
                           "/s3/aws4_request\n" + plain::Sha256Hex(request);
  return plain::Signature(args.secret_access_key, date.substr(0, 8), region, text);
}

void CheckUrl(const Arguments& args, const Address& address, const std::string& region,
              const std::string& text) {
  Url url = TakeApart(text);
  Require(url.origin == address.scheme + "://" + address.host);
  const std::string path = Decoded(url.path), key = args.key.value_or("");
  Require(EndsWith(path, "/" + key) || (!args.key && path == Decoded(address.path_prefix)));
  Require(!HasDotSegment(url.path));
  const std::string date(UtcTime(args.signed_at).timestamp());
  const std::string signature = ExpectedSignature(args, url, date, region);

  plain::Pairs query = url.query, headers = args.headers;
  headers.emplace_back("host", "");
  Require(TakeParameter("X-Amz-Signature", &query) == signature);
  Require(TakeParameter("X-Amz-Algorithm", &query) == "AWS4-HMAC-SHA256");
  Require(TakeParameter("X-Amz-Credential", &query) ==
          args.access_key_id + "/" + date.substr(0, 8) + "/" + region + "/s3/aws4_request");
  Require(TakeParameter("X-Amz-Date", &query) == date);
  Require(TakeParameter("X-Amz-Expires", &query) == std::to_string(args.expires_in));
  Require(TakeParameter("X-Amz-SignedHeaders", &query) == plain::SignedNames(headers));
  if (!args.session_token.empty()) {
    Require(TakeParameter("X-Amz-Security-Token", &query) == args.session_token);
  }
  plain::Pairs given = args.query;
  std::sort(given.begin(), given.end());
  std::sort(query.begin(), query.end());
  Require(query == given);
}

// The steps of Session::Sign().
void Sign(const Arguments& args) {
  ValidateBucketName(args.bucket);
  ValidateRegion(args.region);
  const std::string region(RegionFor(args.bucket, args.region));
  if (IsArn(args.bucket)) CheckAccessPoint(args.bucket, args.region, true);
  const Endpoint endpoint = S3Endpoint(args.endpoint, args.region);
  const Address address = ResolveAddress(endpoint, ParseAddressingStyle(args.style), args.bucket);
  if (args.key) ValidateObjectKey(*args.key);
  for (const std::string* text :
       {&args.access_key_id, &args.secret_access_key, &args.session_token}) {
    ValidateCredential("key", *text);
  }
  if (args.expires_in < kMinExpiry || args.expires_in > kMaxExpiry) return;

  PresignRequest request;
  for (const auto& [name, value] : args.query) AddQueryParameter(name, value, &request.query);
  for (const auto& [name, value] : args.headers) AddSignedHeader(name, value, &request.headers);
  request.method = ParseMethod(args.method);
  Require(plain::Lower(std::string(request.method)) == plain::Lower(args.method));
  request.address = &address;
  request.region = region;
  if (args.key) request.key = *args.key;
  request.expires_in = args.expires_in;
  request.signed_at = args.signed_at;
  Arguments upper_case = args;
  upper_case.method = request.method;
  static Presigner presigner;
  const Credentials credentials{args.access_key_id, args.secret_access_key, args.session_token};
  CheckUrl(upper_case, address, region, presigner.Presign(request, credentials).url());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Arguments args = Read(input);
  Accepts([&] { Sign(args); });
  return 0;
}

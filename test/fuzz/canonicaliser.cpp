// The canonical request: a second implementation, plain_signer.h, says the same of any method, URI,
// query and headers.
#include "core/sigv4.h"

#include "fuzz.h"
#include "plain_signer.h"

using namespace neon_s3;

static void CheckCanonicalRequest(Input& input) {
  const std::string method(input.Field()), uri(input.Field()), payload_hash(input.Field());
  QueryParameters query;
  SignedHeaders headers;
  plain::Pairs plain_query, plain_headers;
  while (!input.empty()) {
    const std::string_view kind_and_name = input.Field(), value = input.Field();
    if (kind_and_name.empty()) continue;
    const std::string_view name = kind_and_name.substr(1);
    if (kind_and_name.front() == '?') {
      query.Add(name, value);
      plain_query.emplace_back(name, value);
    } else {
      headers.Add(name, value);
      plain_headers.emplace_back(name, value);
    }
  }
  query.SortByEncodedName();
  headers.SortByName();
  std::string request, names;
  AppendCanonicalRequest(method, uri, query, headers, payload_hash, &request);
  headers.AppendNames(&names);
  Require(names == plain::SignedNames(plain_headers));
  Require(request ==
          plain::CanonicalRequest(method, uri, plain_query, plain_headers, payload_hash));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  // More than 64 KiB are an Error.
  Accepts([&] { CheckCanonicalRequest(input); });
  return 0;
}

// Bucket configurations: JSON to XML and back says the same, XML to JSON and back too.
#include "core/bucket_config.h"

#include "core/bucket_setup.h"
#include "core/cors.h"
#include "core/json.h"

#include "fuzz.h"

using namespace neon_s3;

namespace {

constexpr BucketConfig kConfigs[] = {BucketConfig::kCors, BucketConfig::kPolicy,
                                     BucketConfig::kLifecycle, BucketConfig::kPublicAccessBlock,
                                     BucketConfig::kVersioning};

// From our own document on, nothing changes any more.
void CheckDocument(BucketConfig config, const std::string& document) {
  const std::string json = BucketConfigJson(config, document);
  Require(IsJsonForJsonb(json));
  const std::string again = BucketConfigDocument(config, json);
  Require(SameConfig(BucketConfigJson(config, again), json));
  if (config != BucketConfig::kPolicy)
    Require(again == BucketConfigDocument(config, BucketConfigJson(config, again)));
}

void CheckAbortRule(const std::string& document) {
  const auto with_rule = WithAbortRule(document);
  if (!with_rule) return;
  Require(!WithAbortRule(*with_rule));
  const auto count = [](const std::string& text) {
    return Json::parse(BucketConfigJson(BucketConfig::kLifecycle, text)).size();
  };
  if (!document.empty()) Require(count(*with_rule) == count(document) + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BucketConfig config = kConfigs[*data % std::size(kConfigs)];
  Input input(data + 1, size - 1);
  const std::string json(input.Text());
  std::string document;
  if (Accepts([&] { document = BucketConfigDocument(config, json); })) {
    // A policy may have what jsonb has not.
    if (config != BucketConfig::kPolicy || IsJsonForJsonb(document))
      CheckDocument(config, document);
  }
  if (config == BucketConfig::kCors)
    Accepts([&] { OriginThatMayPut(BucketConfigJson(config, document)); });
  const std::string theirs(input.Rest());
  std::string read;
  if (!Accepts([&] { read = BucketConfigJson(config, theirs); })) return 0;
  Require(IsJsonForJsonb(read));
  if (Accepts([&] { document = BucketConfigDocument(config, read); }))
    CheckDocument(config, document);
  if (config == BucketConfig::kLifecycle) CheckAbortRule(theirs);
  return 0;
}

// Keys and the names of uploads: what is taken cannot name another object.
#include "core/object_key.h"

#include "fuzz.h"

using namespace neon_s3;

// The segments, one by one.
static bool HasPlainDotSegment(std::string_view path) {
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (segment == "." || segment == "..") return true;
    at = end + 1;
  }
  return false;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view key = input.Text(), name = input.Text();
  Require(HasDotSegment(key) == HasPlainDotSegment(key));
  Require(Accepts([&] { ValidateObjectKey(key); }) ==
          (!key.empty() && key.size() <= 1024 && !HasPlainDotSegment(key)));
  Accepts([&] {
    const std::string made = MakeObjectKey(key, "0ae8b8f2-9c3b-4b7e-8f0e-0d3f3a3c2d11", name);
    Require(made.size() <= kMaxKeyBytes && made.compare(0, key.size(), key) == 0);
    Require(IsValidUtf8(made) && !HasPlainDotSegment(made));
    Require(made.find_first_of("/\\", key.size()) == std::string::npos);
    Require(!HasControls(std::string_view(made).substr(key.size())));
  });
  return 0;
}

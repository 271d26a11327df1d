// Content-Disposition of any file name: printable, one quoted string that nothing ends early, and
// the name comes back from filename*.
#include "core/content_disposition.h"

#include "core/text.h"

#include "fuzz.h"

using namespace neon_s3;

static void CheckName(std::string_view file_name, const std::string& kind,
                      const std::string& value) {
  Require(std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  const std::string start = kind + "; filename=\"", middle = "\"; filename*=UTF-8''";
  Require(StartsWith(value, start));
  const std::size_t end = value.find('"', start.size());
  Require(value.compare(end, middle.size(), middle) == 0);
  const std::string ascii = value.substr(start.size(), end - start.size());
  const std::string encoded = value.substr(end + middle.size());
  Require(ascii.find_first_of("\\/%\"") == std::string::npos);
  Require(encoded.find_first_of("\"; /\\") == std::string::npos);

  const auto name = UriDecoded(encoded, false);
  Require(name && !name->empty() && name->size() <= 240 && IsValidUtf8(*name) &&
          !HasControls(*name));
  Require(WithoutFormatControls(*name) == *name && name->find_first_of("/\\") == std::string::npos);
  Require(name->find_first_not_of(" .") != std::string::npos);
  // As many characters in both.
  const auto count = [](const std::string& text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
  };
  Require(count(ascii) == count(*name));
  if (file_name.size() <= 240 && IsPrintable(file_name) &&
      file_name.find_first_of("/\\") == file_name.npos &&
      file_name.find_first_not_of('.') != file_name.npos) {
    Require(*name == file_name);
  }
  Require(ContentDisposition(*name, kind) == value);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string_view file_name = input.Text();
  CheckName(file_name, "attachment", AttachmentDisposition(file_name));
  CheckName(file_name, "inline", ContentDisposition(file_name, "inline"));
  const std::string_view kind = input.Text();
  Require(Accepts([&] { ContentDisposition(file_name, kind); }) ==
          (kind == "attachment" || kind == "inline"));
  return 0;
}

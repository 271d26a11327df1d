#include "core/http_message.h"

#include <algorithm>

#include "core/text.h"

namespace neon_s3 {

std::string_view HttpResponse::Header(std::string_view name) const {
  const std::string wanted = LowerCase(name);
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return LowerCase(header.name) == wanted;
  });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

}  // namespace neon_s3

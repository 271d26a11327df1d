// The Content-Disposition header that names a file, to be saved or to be shown.
#pragma once

#include <string>
#include <string_view>

namespace neon_s3 {

// attachment; filename="ascii"; filename*=UTF-8''percent-encoded (RFC 6266, RFC 8187), for any
// valid UTF-8 `file_name`: control characters are dropped, and so are those that only change how a
// name looks ("gpj.exe" as "exe.jpg"); path separators become '_', and the name
// is cut to what browsers save (240 bytes), its extension kept; a name of nothing but dots and
// spaces is "_". The ASCII form has '_' for what it can't hold. Pure printable ASCII, so nothing
// can be injected.
std::string AttachmentDisposition(std::string_view file_name);

// The same, or "inline; …". kBadArgument for another disposition.
std::string ContentDisposition(std::string_view file_name, std::string_view disposition);

}  // namespace neon_s3

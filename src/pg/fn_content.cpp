// s3_content_disposition, s3_content_type.
#include "core/content_disposition.h"
#include "core/content_type.h"
#include "pg/args.h"
#include "pg/boundary.h"
#include "pg/result.h"

namespace neon_s3 {

NEON_S3_FUNCTION(neon_s3_content_disposition);
Datum neon_s3_content_disposition(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText file_name = args.Text();
  const OptionalText disposition = args.Text();

  auto& value = Owned<std::string>();
  Guard([&] { value = ContentDisposition(*file_name, *disposition); });
  return TextDatum(value);
}

NEON_S3_FUNCTION(neon_s3_content_type);
Datum neon_s3_content_type(PG_FUNCTION_ARGS) {
  ArgReader args(fcinfo);
  const OptionalText file_name = args.Text();

  OptionalText type;
  Guard([&] { type = ContentTypeOf(*file_name); });
  if (!type) PG_RETURN_NULL();
  return TextDatum(*type);
}

}  // namespace neon_s3

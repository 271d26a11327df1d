// The settings neon_s3.*, all of them.
#pragma once

#include "pg/settings.h"

namespace neon_s3 {

// At load time.
void DefineSettings();

}  // namespace neon_s3

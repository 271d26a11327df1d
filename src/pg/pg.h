// PostgreSQL's headers, as C++ needs them.
#pragma once

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"
}

// libintl.h, through c.h, redirects these to macros; libstdc++'s headers want them as functions.
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef bind_textdomain_codeset

// With -fvisibility=hidden only what carries this leaves the library (PostgreSQL's own macro does
// so from version 16 on). Symbols are prefixed, since the server loads libraries RTLD_GLOBAL.
#define NEON_S3_EXPORT extern "C" __attribute__((visibility("default")))

// Declares a function callable from SQL; its definition, Datum name(PG_FUNCTION_ARGS), follows.
#define NEON_S3_FUNCTION(name)                                 \
  NEON_S3_EXPORT const Pg_finfo_record* pg_finfo_##name(void); \
  const Pg_finfo_record* pg_finfo_##name(void) {               \
    static const Pg_finfo_record info = {1};                   \
    return &info;                                              \
  }                                                            \
  NEON_S3_EXPORT Datum name(PG_FUNCTION_ARGS)

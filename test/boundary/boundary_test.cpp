// throw_it(kind text) -> text: throws from inside the boundary, with C++ objects alive on the way.
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "pg/boundary.h"

extern "C" {
#pragma GCC visibility push(default)
PG_MODULE_MAGIC;
#pragma GCC visibility pop
#include "utils/builtins.h"
}

namespace neon_s3 {
namespace {

int alive = 0;

struct Counted {
  Counted() { ++alive; }
  ~Counted() { --alive; }
  std::string memory = std::string(4096, 'x');
};

struct NotAnException {
  std::string text = std::string(1000, 'n');
};

struct PlainException : std::exception {
  const char* what() const noexcept override { return "what"; }
};

void Throw(std::string_view kind, int depth) {
  const Counted counted;
  const auto memory = std::make_unique<std::vector<std::string>>(10, std::string(100, 'v'));
  if (depth > 0) return Throw(kind, depth - 1);
  if (kind == "bad_argument") throw Error(ErrorCode::kBadArgument, "bad", "a hint", "a detail");
  if (kind == "encoding") throw Error(ErrorCode::kEncoding, "bad");
  if (kind == "not_permitted") throw Error(ErrorCode::kNotPermitted, "bad");
  if (kind == "no_credentials") throw Error(ErrorCode::kNoCredentials, "bad");
  if (kind == "too_large") throw Error(ErrorCode::kTooLarge, "bad");
  if (kind == "out_of_memory") throw Error(ErrorCode::kOutOfMemory, "bad");
  if (kind == "unsupported") throw Error(ErrorCode::kUnsupported, "bad");
  if (kind == "system") throw Error(ErrorCode::kSystem, "bad");
  if (kind == "percent") throw Error(ErrorCode::kBadArgument, "%s%n%d", "%s%n", "%s%n");
  if (kind == "long_text") {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += "\xc3\xa9";
    throw Error(ErrorCode::kBadArgument, text, text, text);
  }
  if (kind == "bad_alloc") throw std::bad_alloc();
  if (kind == "real_bad_alloc") std::string(std::string().max_size() - 64, 'x').clear();
  if (kind == "length_error") std::string().reserve(std::string::npos);
  if (kind == "out_of_range") (void)std::string().at(1);
  if (kind == "bad_optional") (void)std::optional<int>().value();
  if (kind == "exception") throw PlainException();
  if (kind == "calls_postgres") ServerText("PostgreSQL");
  if (kind == "int") throw 42;
  if (kind == "pointer") throw static_cast<const char*>(nullptr);
  if (kind == "object") throw NotAnException();
  if (kind == "nested") {
    try {
      throw std::bad_alloc();
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  }
}

}  // namespace
}  // namespace neon_s3

using namespace neon_s3;

NEON_S3_FUNCTION(throw_it);
Datum throw_it(PG_FUNCTION_ARGS) {
  const text* kind = PG_GETARG_TEXT_PP(0);
  const std::string_view view(VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind));
  Guard([&] { Throw(view, 5); });
  AssertOutsideGuard();
  PG_RETURN_INT32(alive);
}

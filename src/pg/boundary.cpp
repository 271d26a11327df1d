#include "pg/boundary.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/encoding.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/pmsignal.h"
}

namespace neon_s3 {
namespace {

// Which side the backend is on.
struct Side {
  int open_guards = 0;
  bool is_interrupted = false;  // an error waits on PostgreSQL's error stack
};

Side side;

[[noreturn]] void RaisePostmasterDeath() {
  ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN),
                  errmsg("terminating connection due to unexpected postmaster exit")));
  pg_unreachable();
}

bool PostmasterIsGone() { return IsUnderPostmaster && !PostmasterIsAlive(); }

// No C++ object is alive in this frame, so what PostgreSQL raises ends here. False if it raised.
bool ServeInterrupts() {
  PG_TRY();
  {
    if (PostmasterIsGone()) RaisePostmasterDeath();
    CHECK_FOR_INTERRUPTS();
  }
  PG_CATCH();
  { return false; }
  PG_END_TRY();
  return true;
}

template <std::size_t kSize>
void Fill(char (&field)[kSize], std::string_view text) {
  const std::string_view fitting = Utf8Prefix(text, kSize - 1);
  std::copy(fitting.begin(), fitting.end(), field);
  field[fitting.size()] = '\0';
}

void FillReport(ErrorReport* report, ErrorCode code, std::string_view message,
                std::string_view detail, std::string_view hint) {
  report->code = code;
  Fill(report->message, message);
  Fill(report->detail, detail);
  Fill(report->hint, hint);
}

}  // namespace

void AssertOutsideGuard() {
#ifdef USE_ASSERT_CHECKING
  if (side.open_guards == 0) return;
  write_stderr("neon_s3 calls PostgreSQL inside a guard\n");
  std::abort();
#endif
}

int SqlState(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadArgument:
      return ERRCODE_INVALID_PARAMETER_VALUE;
    case ErrorCode::kEncoding:
      return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
    case ErrorCode::kNotPermitted:
      return ERRCODE_INSUFFICIENT_PRIVILEGE;
    case ErrorCode::kNoCredentials:
      return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
    case ErrorCode::kTooLarge:
      return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    case ErrorCode::kOutOfMemory:
      return ERRCODE_OUT_OF_MEMORY;
    case ErrorCode::kUnsupported:
      return ERRCODE_FEATURE_NOT_SUPPORTED;
    case ErrorCode::kBadFormat:
      return ERRCODE_BAD_COPY_FILE_FORMAT;
    case ErrorCode::kCredentialsFile:
      return ERRCODE_CONFIG_FILE_ERROR;
    case ErrorCode::kConnect:
      return ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
    case ErrorCode::kConnectionLost:
      return ERRCODE_CONNECTION_FAILURE;
    case ErrorCode::kMalformedReply:
      return ERRCODE_PROTOCOL_VIOLATION;
    case ErrorCode::kRefused:
      return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
    case ErrorCode::kNotFound:
      return ERRCODE_NO_DATA_FOUND;
    case ErrorCode::kCancelled:
      return ERRCODE_QUERY_CANCELED;
    case ErrorCode::kServerFailed:
    case ErrorCode::kSystem:
      break;
  }
  return ERRCODE_SYSTEM_ERROR;
}

const char* ServerText(const char* utf8) {
  AssertOutsideGuard();
  return pg_any_to_server(utf8, static_cast<int>(std::strlen(utf8)), PG_UTF8);
}

bool Interrupted() {
  if (side.is_interrupted) return true;
  if (!InterruptPending && !PostmasterIsGone()) return false;
  const int open_guards = std::exchange(side.open_guards, 0);
  side.is_interrupted = !ServeInterrupts();
  side.open_guards = open_guards;
  return side.is_interrupted;
}

void Raise(const ErrorReport& report) {
  const char* message = ServerText(report.message);
  const char* detail = ServerText(report.detail);
  const char* hint = ServerText(report.hint);
  ereport(ERROR, (errcode(SqlState(report.code)), errmsg_internal("%s", message),
                  *detail ? errdetail_internal("%s", detail) : 0, *hint ? errhint("%s", hint) : 0));
  pg_unreachable();
}

namespace internal {

void EnterGuard() { ++side.open_guards; }

void LeaveGuard() { --side.open_guards; }

void RaiseInterrupt() {
  if (!side.is_interrupted) return;
  side.is_interrupted = false;
  PG_RE_THROW();
}

void CaptureException(ErrorReport* report) noexcept {
  try {
    throw;
  } catch (const Error& error) {
    FillReport(report, error.code(), error.what(), error.detail(), error.hint());
  } catch (const std::bad_alloc&) {
    FillReport(report, ErrorCode::kOutOfMemory, "out of memory", "", "");
  } catch (const std::length_error&) {
    FillReport(report, ErrorCode::kTooLarge, "a value is too large", "", "");
  } catch (const std::exception& error) {
    FillReport(report, ErrorCode::kSystem, "unexpected error in neon_s3", error.what(), "");
  } catch (...) {
    FillReport(report, ErrorCode::kSystem, "unexpected error in neon_s3", "", "");
  }
}

}  // namespace internal
}  // namespace neon_s3

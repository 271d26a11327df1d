#include "pg/boundary.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/encoding.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/pmsignal.h"
}

namespace neon_s3 {
namespace {

int guard_depth = 0;

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

void AssertOutsideGuard() { Assert(guard_depth == 0); }

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

bool Cancelled() {
  const bool is_interrupted = InterruptPending && (QueryCancelPending || ProcDiePending);
  return is_interrupted || (IsUnderPostmaster && !PostmasterIsAlive());
}

void Raise(const ErrorReport& report) {
  if (report.code == ErrorCode::kCancelled) {
    CHECK_FOR_INTERRUPTS();
    if (IsUnderPostmaster && !PostmasterIsAlive()) {
      ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN),
                      errmsg("terminating connection due to unexpected postmaster exit")));
    }
  }
  const char* message = ServerText(report.message);
  const char* detail = ServerText(report.detail);
  const char* hint = ServerText(report.hint);
  ereport(ERROR, (errcode(SqlState(report.code)), errmsg_internal("%s", message),
                  *detail ? errdetail_internal("%s", detail) : 0, *hint ? errhint("%s", hint) : 0));
  pg_unreachable();
}

namespace internal {

void EnterGuard() { ++guard_depth; }

void LeaveGuard() { --guard_depth; }

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

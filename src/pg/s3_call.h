// What the functions that ask an S3 server have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/caller_headers.h"
#include "net/monotonic.h"
#include "net/s3_client.h"
#include "pg/boundary.h"
#include "pg/stats.h"
#include "pg/target.h"
#include "pg/wait_event.h"

namespace neon_s3 {

// One SQL function's work with a server: counted, shown in s3_progress, and ended when the memory
// context it began in is reset, however the function is left. What its function keeps from one
// Run() to the next, and to the result, is in objects of Owned().
class S3Call {
 public:
  // Postgres side. 25006 for an operation that changes something, in a read-only transaction.
  static S3Call& Begin(Operation operation, const OptionalText& key, const Target& target);

  // Postgres side: runs `body(S3Client&)` on the C++ side, with a client that goes where the target
  // says, unless BeginAt() sent it elsewhere.
  template <typename Body>
  void Run(const Body& body) {
    Guard([&] {
      const WaitEvent wait;
      body(Client());
    });
  }

  // C++ side: for calls that talk to another address, or that go on without credentials.
  S3Client& BeginAt(S3Service service, S3Limits limits);

  // Run() in PG_CATCH(), to clean up: other requests are dropped, what goes wrong is ignored, and
  // nothing interrupts it, so little time is spent on it.
  template <typename Body>
  void RunLast(const Body& body) {
    ErrorReport ignored;
    TryGuard(
        [&] {
          const WaitEvent wait;
          body(LastClient());
        },
        &ignored);
  }

  // Postgres side: all went well.
  void Finish();

  // C++ side: kBadArgument if there is none.
  std::string_view bucket() const { return RequireBucket(target_); }
  const Target& target() const { return target_; }

  // Either side, for s3_progress; negative: not known.
  void ShowItems(std::int64_t done, std::int64_t total) const;
  void ShowBytesTotal(std::int64_t total) const;

  // For Owned().
  S3Call(Operation operation, const OptionalText& key, const Target& target,
         TimestampTz started_at);
  ~S3Call() { End(true); }

 private:
  S3Client& Client();
  S3Client& LastClient();
  void End(bool failed);
  void AddUsage();
  void ShowProgress(const S3Usage& usage) const;

  const Operation operation_;
  const Target target_;
  const MonotonicTime began_at_;
  const bool is_shown_;  // in s3_progress, where a call inside another one is not
  bool is_active_ = true;
  bool is_begun_ = false;  // the client knows where to go
  std::unique_ptr<S3Client> client_;
  Counters counters_;
};

// Postgres side: the row (etag, version_id).
Datum WrittenRow(FunctionCallInfo fcinfo, const WrittenObject& written);

// C++ side: false if the reply says that the object or bucket does not exist.
bool Exists(S3Client& s3, S3Request request);

// C++ side.
ObjectAttributes AttributesOf(const OptionalText& content_type, const FieldArgs& metadata);

// C++ side: of an operation that sends these requests (HeaderUse).
CallerHeaders HeadersOf(const FieldArgs& fields, unsigned requests);

// C++ side: where `target` says, and as whom; and in the limits of the settings. The errors of
// Session::Resolve().
S3Service MakeService(const Target& target);
S3Limits MakeLimits();

}  // namespace neon_s3

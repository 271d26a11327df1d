// What the functions that ask an S3 server have in common.
#pragma once

#include <any>
#include <string>
#include <utility>
#include <vector>

#include "net/s3_client.h"
#include "pg/activity.h"
#include "pg/boundary.h"
#include "pg/target.h"

namespace neon_s3 {

// One SQL function's work with a server: counted, shown in s3_progress, and ended when the memory
// context it began in is reset, however the function is left. Plain data, so that it may be alive
// when PostgreSQL raises an ERROR; what C++ has to keep meanwhile is in the backend's state. One at
// a time.
class S3Call {
 public:
  // Postgres side. `target` outlives the call. 25006 for an operation that changes something
  // at the server, in a transaction that may not.
  S3Call(Operation operation, const OptionalText& key, const Target& target);

  // Runs `body(S3Client&)` on the C++ side, with a client that goes where the target says, unless
  // Begin() sent it elsewhere.
  template <typename Body>
  void Run(const Body& body) {
    Guard([&] { body(Client()); });
  }

  // C++ side: for what goes elsewhere, or goes on when there are no credentials.
  S3Client& Begin(S3Service service, S3Limits limits);

  // The same in PG_CATCH(), to clean up: other requests are dropped, what goes wrong is ignored,
  // and little time is spent on it, hardly any where the query was cancelled.
  template <typename Body>
  void RunLast(const Body& body) {
    const bool is_cancelled = geterrcode() == ERRCODE_QUERY_CANCELED;
    ErrorReport ignored;
    TryGuard([&] { body(LastClient(is_cancelled)); }, &ignored);
  }

  // Postgres side: all went well.
  void Finish();

  // C++ side, in Run().
  std::string_view bucket() const;  // kBadArgument where there is none
  const Target& target() const { return *target_; }

  // C++ side: keeps a value for PostgreSQL's, until the next Keep() or Finish().
  template <typename T>
  T& Keep(T value) {
    return Kept().emplace<T>(std::move(value));
  }

 private:
  S3Client& Client();
  S3Client& LastClient(bool is_cancelled);
  static std::any& Kept();

  const Target* target_;
};

// Postgres side: the row (etag, version_id).
Datum WrittenRow(FunctionCallInfo fcinfo, const WrittenObject& written);

// C++ side: completes a multipart upload.
WrittenObject Complete(S3Client& s3, std::string_view bucket, std::string_view key,
                       std::string_view upload_id, const std::vector<CompletedPart>& parts,
                       bool overwrite);

// C++ side: false where the answer is that there is no such thing.
bool Exists(S3Client& s3, S3Request request);

// An error in one line, for a column.
std::string DescribeError(const Error& error);

// C++ side.
ObjectAttributes AttributesOf(const OptionalText& content_type, const FieldArgs& metadata);

// C++ side: where `target` says, and as whom; and in the limits of the settings. kNoCredentials
// and the other errors of FindCredentials().
S3Service MakeService(const Target& target);
S3Limits MakeLimits();

}  // namespace neon_s3

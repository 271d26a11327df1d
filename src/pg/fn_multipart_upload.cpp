// s3_begin_multipart_upload, s3_upload_part_urls and s3_uploaded_parts, which row-level security of
// the files table gates.
#include <string>
#include <vector>

#include "core/object_key.h"
#include "core/part_plan.h"
#include "pg/boundary.h"
#include "pg/ledger.h"
#include "pg/new_upload.h"
#include "pg/part_listing.h"
#include "pg/result.h"
#include "pg/row_gate.h"
#include "pg/s3_call.h"
#include "pg/session.h"
#include "pg/signed_log.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {
namespace {

// ---------------------------------------------------------------- beginning

struct BeginArgs {
  OptionalText file_name, content_type, key_prefix;
  std::int64_t expires_in;
  std::optional<std::int64_t> content_length, part_size;
  Jsonb* columns;
};

BeginArgs ReadBeginArgs(FunctionCallInfo fcinfo) {
  ArgReader args(fcinfo);
  BeginArgs begin;
  begin.file_name = args.Text();
  begin.content_type = args.Text();
  args.Text();  // user_id
  begin.content_length = args.BigInt();
  begin.part_size = args.BigInt();
  begin.expires_in = args.ExpiresIn();
  begin.key_prefix = args.Text();
  begin.columns = args.Json();
  if (!begin.file_name || !begin.content_length) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s is null", begin.file_name ? "content_length" : "file_name")));
  }
  return begin;
}

PartPlan PlanFor(const Extension& extension, const GovernedTable& table, const BeginArgs& args) {
  UploadConstraints constraints = {};
  constraints.content_type = args.content_type;
  constraints.content_length = args.content_length;
  CheckLimits(extension, table, constraints);
  PartPlan plan;
  Guard([&] {
    if (args.content_type) ValidateContentType(*args.content_type);
    plan = PlanParts(*args.content_length, args.part_size);
  });
  return plan;
}

struct NewKey {
  std::string key, url;
};

const NewKey& MakeKey(const GovernedTable& table, const BeginArgs& args, const Target& target) {
  const std::string_view uuid = RandomUuid();
  const std::string_view table_prefix = Utf8(table.key_prefix);
  auto& made = Owned<NewKey>();
  Guard([&] {
    const std::string prefix = std::string(table_prefix).append(args.key_prefix.value_or(""));
    made.key = MakeObjectKey(prefix, uuid, *args.file_name);
    AppendPublicUrl(target, nullptr, made.key, &made.url);
  });
  return made;
}

text* CreateUpload(std::string_view key, const OptionalText& content_type, const Target& target) {
  S3Call& call = S3Call::Begin(Operation::kBeginMultipartUpload, key, target);
  auto& upload_id = Owned<std::string>();
  call.Run([&](S3Client& s3) {
    const ObjectAttributes attributes = AttributesOf(content_type, {});
    upload_id = ParseUploadId(s3.Call(CreateMultipartUpload(call.bucket(), key, attributes)).body);
  });
  call.Finish();
  return DatumGetTextPP(TextDatum(upload_id));
}

// ---------------------------------------------------------------- parts

// 55000 unless it is a multipart upload under way, and not inherited.
void RequireMultipart(const Issued& issued, const text* key) {
  if (issued.is_pending && issued.upload_id != nullptr && !issued.is_inherited) return;
  if (issued.is_pending && issued.is_inherited) RefuseInherited(key);
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("file \"%s\" has no multipart upload under way",
              TextDatumGetCString(PointerGetDatum(key))),
       errhint("s3_begin_multipart_upload begins one; it ends when it is confirmed or aborted.")));
  pg_unreachable();
}

PartPlan PlanOf(const Issued& issued) {
  PartPlan plan;
  Guard([&] { plan = PlanParts(issued.content_length, issued.part_size); });
  return plan;
}

// Those that S3 has.
const std::vector<ListedPart>& FindParts(const OptionalText& key, const Issued& issued,
                                         const Target& target) {
  const std::string_view upload_id = Utf8(issued.upload_id);
  S3Call& call = S3Call::Begin(Operation::kUploadedParts, key, target);
  auto& parts = Owned<std::vector<ListedPart>>();
  call.Run([&](S3Client& s3) { parts = ListAllParts(s3, call.bucket(), *key, upload_id); });
  call.Finish();
  return parts;
}

struct PartNumbers {
  int* numbers;
  int count;
};

PartNumbers NumbersOf(ArrayType* array) {
  Datum* values;
  bool* nulls;
  PartNumbers parts;
  deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls,
                    &parts.count);
  parts.numbers = static_cast<int*>(palloc(sizeof(int) * (parts.count + 1)));
  for (int i = 0; i < parts.count; ++i) {
    if (nulls[i]) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("part_numbers must not contain nulls")));
    }
    parts.numbers[i] = DatumGetInt32(values[i]);
  }
  return parts;
}

// Those of which S3 has none, or one of another size.
PartNumbers MissingParts(const PartPlan& plan, const std::vector<ListedPart>& uploaded) {
  bool* is_there = static_cast<bool*>(palloc0(plan.part_count + 1));
  for (const ListedPart& part : uploaded) {
    const bool is_ours = part.part_number >= 1 && part.part_number <= plan.part_count;
    if (is_ours && part.size == plan.SizeOf(part.part_number)) is_there[part.part_number] = true;
  }
  PartNumbers missing = {static_cast<int*>(palloc(sizeof(int) * (plan.part_count + 1))), 0};
  for (int number = 1; number <= plan.part_count; ++number) {
    if (!is_there[number]) missing.numbers[missing.count++] = number;
  }
  return missing;
}

struct PartUrl {
  std::string_view key, upload_id;
  const Target* target;
  std::int64_t expires_in;
  TimestampTz signed_at;
};

// Returns for how long the URL is good, in seconds.
std::int64_t PutPartUrl(FunctionCallInfo fcinfo, const PartUrl& args, const PartPlan& plan,
                        int number) {
  SignedUrl url;
  Guard([&] {
    CheckPartNumber(plan, number);
    Session& session = Session::Get();
    PresignRequest& request = session.NewRequest();
    AddQueryParameter("partNumber", std::to_string(number), &request.query);
    AddQueryParameter("uploadId", args.upload_id, &request.query);
    AddSignedHeader("content-length", std::to_string(plan.SizeOf(number)), &request.headers);
    url = session.Sign(&request, {Operation::kUploadPartUrls, "PUT", args.key, args.target,
                                  args.expires_in, ToUnixSeconds(args.signed_at)});
  });
  LogSigned();
  Row row;
  row.Integer(number);
  row.BigInt(plan.SizeOf(number));
  row.Add(UrlDatum(url.presigned), false);
  row.Put(fcinfo);
  return url.expiry.seconds;
}

// The row is the caller's to update, or this is 42501.
Issued FindUploadToUpdate(const Extension& extension, const GovernedTable& table, const text* key) {
  SPI_connect();
  const bool may_update = LocksRow(table.relation, key);
  SPI_finish();
  if (!may_update) RefuseRow(key);
  const Issued issued = FindIssued(extension, table, key);
  RequireMultipart(issued, key);
  return issued;
}

}  // namespace

NEON_S3_FUNCTION(neon_s3_begin_multipart_upload);
Datum neon_s3_begin_multipart_upload(PG_FUNCTION_ARGS) {
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(RowExclusiveLock));
  const BeginArgs args = ReadBeginArgs(fcinfo);
  const PartPlan plan = PlanFor(extension, table, args);
  const Target target = OwnersTarget(table.owner, table.bucket, table.server);
  const NewKey& made = MakeKey(table, args, target);

  const Datum key = TextDatum(made.key);
  const Datum file_url = TextDatum(made.url);
  const InsertedId id = InsertUpload(table, {DatumGetTextPP(key), DatumGetTextPP(file_url),
                                             TextArg(fcinfo, 2), nullptr, nullptr, args.columns});
  IssuedKey issued = {};
  issued.key = DatumGetTextPP(key);
  issued.content_type = TextArg(fcinfo, 1);
  issued.content_length = plan.content_length;
  issued.upload_id = CreateUpload(made.key, args.content_type, target);
  issued.part_size = plan.part_size;
  issued.expires_at = GetCurrentTimestamp() + args.expires_in * USECS_PER_SEC;
  SPI_connect();
  RecordIssued(extension, table, issued);
  SPI_finish();

  Datum values[] = {id.value,
                    key,
                    file_url,
                    PointerGetDatum(issued.upload_id),
                    Int64GetDatum(plan.part_size),
                    Int32GetDatum(plan.part_count),
                    TimestampTzGetDatum(issued.expires_at)};
  bool nulls[lengthof(values)] = {id.is_null};
  return RowDatum(fcinfo, values, nulls);
}

NEON_S3_FUNCTION(neon_s3_upload_part_urls);
Datum neon_s3_upload_part_urls(PG_FUNCTION_ARGS) {
  BeginRows(fcinfo);
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(RowExclusiveLock));
  const text* key = PG_GETARG_TEXT_PP(0);
  ArgReader args(fcinfo);
  const OptionalText utf8_key = args.Text();
  args.ObjectId();  // part_numbers
  const std::int64_t expires_in = args.ExpiresIn();

  const Issued issued = FindUploadToUpdate(extension, table, key);
  const PartPlan plan = PlanOf(issued);
  const Target target = OwnersTarget(table.owner, issued.bucket, issued.server);
  const PartNumbers parts = PG_ARGISNULL(1)
                                ? MissingParts(plan, FindParts(utf8_key, issued, target))
                                : NumbersOf(PG_GETARG_ARRAYTYPE_P(1));
  const PartUrl url = {*utf8_key, Utf8(issued.upload_id), &target, expires_in,
                       GetCurrentTimestamp()};
  std::int64_t good_for = 0;
  ScratchMemory memory;
  for (int i = 0; i < parts.count; ++i) {
    memory.Enter();
    good_for = PutPartUrl(fcinfo, url, plan, parts.numbers[i]);
    memory.Leave();
  }
  SPI_connect();
  ExtendUpload(extension, table, key, url.signed_at + good_for * USECS_PER_SEC);
  SPI_finish();
  PG_RETURN_NULL();
}

NEON_S3_FUNCTION(neon_s3_uploaded_parts);
Datum neon_s3_uploaded_parts(PG_FUNCTION_ARGS) {
  BeginRows(fcinfo);
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Extension extension = FindExtension(fcinfo->flinfo->fn_oid);
  const GovernedTable table = RequireGoverned(extension, LockFilesTable(AccessShareLock));
  const text* key = PG_GETARG_TEXT_PP(0);
  SPI_connect();
  const bool may_see = SelectsRow(table.relation, key);
  SPI_finish();
  if (!may_see) RefuseRow(key);
  const Issued issued = FindIssued(extension, table, key);
  RequireMultipart(issued, key);

  const Target target = OwnersTarget(table.owner, issued.bucket, issued.server);
  const OptionalText utf8_key = Utf8(key);
  for (const ListedPart& part : FindParts(utf8_key, issued, target)) {
    Row row;
    row.Integer(part.part_number);
    row.BigInt(part.size);
    row.TextOrNull(part.etag);
    row.Put(fcinfo);
  }
  PG_RETURN_NULL();
}

}  // namespace neon_s3

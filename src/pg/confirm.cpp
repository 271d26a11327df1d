#include "pg/confirm.h"

#include "core/part_plan.h"
#include "core/promise.h"
#include "net/batch_delete.h"
#include "net/multipart.h"
#include "pg/new_upload.h"
#include "pg/part_listing.h"
#include "pg/result.h"
#include "pg/row_gate.h"
#include "pg/s3_call.h"
#include "pg/text_value.h"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace neon_s3 {

// Plain data, in UTF-8.
struct Expected {
  std::string_view key;
  std::string_view upload_id;  // empty: not in parts, or completed already
  PartPlan plan;
  Promise promise;
};

struct Search {
  std::vector<Expected> expected;
  std::vector<Sighting> sightings;
};

namespace {

// ---------------------------------------------------------------- what S3 has, C++ side

// Those of the plan; the first that is missing, or is of another size, is told.
std::vector<CompletedPart> PlannedParts(const PartPlan& plan, const std::vector<ListedPart>& listed,
                                        std::string* difference) {
  std::vector<CompletedPart> parts;
  for (const ListedPart& part : listed) {
    const int next = static_cast<int>(parts.size()) + 1;
    if (part.part_number > plan.part_count) break;
    if (part.part_number != next || part.size != plan.SizeOf(next)) break;
    parts.push_back({part.part_number, part.etag});
  }
  if (static_cast<int>(parts.size()) < plan.part_count) {
    *difference = "Part " + std::to_string(parts.size() + 1) + " of " +
                  std::to_string(plan.part_count) + " is not uploaded, or not of its size.";
  }
  return parts;
}

// An upload that is gone has been completed, or is aborted: the object tells.
void CompleteParts(S3Client& s3, std::string_view bucket, const Expected& expected,
                   std::string* difference) {
  try {
    const std::vector<CompletedPart> parts = PlannedParts(
        expected.plan, ListAllParts(s3, bucket, expected.key, expected.upload_id), difference);
    if (!difference->empty()) return;
    CompleteUpload(s3, bucket, expected.key, expected.upload_id, parts, true);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

void Compare(const HttpResponse& reply, const Expected& expected, Found* found) {
  found->object = ParseObjectInfo(reply);
  found->checksum = ReportedChecksum(reply);
  found->difference = DescribeDifference(
      expected.promise,
      {found->object.size.value_or(-1), found->object.content_type, found->checksum});
}

void Find(S3Client& s3, std::string_view bucket, const Expected& expected, Found* found) {
  if (!expected.upload_id.empty()) CompleteParts(s3, bucket, expected, &found->difference);
  if (!found->difference.empty()) return;
  Compare(s3.Call(HeadWithChecksum(bucket, expected.key)), expected, found);
}

// ---------------------------------------------------------------- what S3 has of many, C++ side

// `look()` sees an object, or throws that there is none, or why that is not known.
template <typename Look>
void See(Sighting* sighting, const Look& look) {
  try {
    look();
    sighting->is_there = true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    if (error.code() != ErrorCode::kNotFound) sighting->error = error;
  }
}

void TakeReply(const S3Reply& reply, const Expected& expected, Sighting* sighting) {
  See(sighting, [&] {
    if (reply.error) throw *reply.error;
    Compare(reply.response, expected, &sighting->found);
  });
  if (reply.error) RaiseIfCommon(*reply.error);
}

// Those in parts one after the other: each takes several requests.
void FindAll(S3Client& s3, std::string_view bucket, Search* search) {
  const std::vector<Expected>& expected = search->expected;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].upload_id.empty()) s3.Submit(i, HeadWithChecksum(bucket, expected[i].key));
  }
  while (s3.busy()) {
    const S3Reply reply = s3.Next();
    TakeReply(reply, expected[reply.id], &search->sightings[reply.id]);
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].upload_id.empty()) continue;
    Sighting& sighting = search->sightings[i];
    See(&sighting, [&] { Find(s3, bucket, expected[i], &sighting.found); });
  }
}

void FailAll(const Error& error, Search* search) {
  for (Sighting& sighting : search->sightings) {
    if (!sighting.is_there) sighting.error = error;
  }
}

// ---------------------------------------------------------------- asking

Expected ExpectedOf(const Issued& issued, std::string_view key) {
  Expected expected = {};
  expected.key = key;
  if (issued.content_length >= 0) expected.promise.content_length = issued.content_length;
  if (issued.content_type != nullptr) expected.promise.content_type = Utf8(issued.content_type);
  if (issued.checksum_sha256 != nullptr) {
    expected.promise.checksum_sha256 = TextView(issued.checksum_sha256);
  }
  if (issued.upload_id == nullptr || !issued.is_pending) return expected;
  expected.upload_id = Utf8(issued.upload_id);
  Guard([&] { expected.plan = PlanParts(issued.content_length, issued.part_size); });
  return expected;
}

// ---------------------------------------------------------------- recording

struct MeasuredValue {
  const char* column;
  Oid type;
  Datum value;
  bool is_null;
};

constexpr int kMeasured = 6;

MeasuredValue TextValue(const char* column, std::string_view utf8) {
  return {column, TEXTOID, utf8.empty() ? Datum{0} : TextDatum(utf8), utf8.empty()};
}

void Measure(const Found& found, MeasuredValue* values) {
  values[0] = {"size", INT8OID, Int64GetDatum(found.object.size.value_or(0)), !found.object.size};
  values[1] = TextValue("etag", found.object.etag);
  values[2] = TextValue("content_type", found.object.content_type);
  values[3] = TextValue("version_id", found.object.version_id);
  values[4] = {"checksum_sha256", BYTEAOID, 0, !found.checksum};
  if (found.checksum) values[4].value = ByteaDatum(*found.checksum);
  values[5] = {"confirmed_at", TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false};
}

bool IsWritable(Relation relation, const char* column) {
  TupleDesc desc = RelationGetDescr(relation);
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(desc, i);
    if (attribute->attisdropped || strcmp(NameStr(attribute->attname), column) != 0) continue;
    return attribute->attgenerated == '\0' && attribute->attidentity == '\0';
  }
  return false;
}

// Of those columns that the table has. Null where it has none.
const char* UpdateStatement(Oid table, const MeasuredValue* values) {
  Relation relation = relation_open(table, NoLock);
  StringInfoData statement;
  initStringInfo(&statement);
  appendStringInfo(&statement, "UPDATE %s",
                   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                              RelationGetRelationName(relation)));
  const char* separator = " SET ";
  for (int i = 0; i < kMeasured; ++i) {
    if (!IsWritable(relation, values[i].column)) continue;
    appendStringInfo(&statement, "%s%s = $%d", separator, values[i].column, i + 1);
    separator = ", ";
  }
  relation_close(relation, NoLock);
  if (strcmp(separator, " SET ") == 0) return nullptr;
  appendStringInfo(&statement, " WHERE object_key OPERATOR(pg_catalog.=) $%d", kMeasured + 1);
  return statement.data;
}

// As the table's owner.
void WriteMeasured(const GovernedTable& table, const text* key, const Found& found) {
  MeasuredValue measured[kMeasured];
  Measure(found, measured);
  const char* statement = UpdateStatement(table.relation, measured);
  if (statement == nullptr) return;
  Oid types[kMeasured + 1];
  Datum values[kMeasured + 1];
  char nulls[kMeasured + 1];
  for (int i = 0; i < kMeasured; ++i) {
    types[i] = measured[i].type;
    values[i] = measured[i].value;
    nulls[i] = measured[i].is_null ? 'n' : ' ';
  }
  types[kMeasured] = TEXTOID;
  values[kMeasured] = PointerGetDatum(key);
  nulls[kMeasured] = ' ';
  SPI_execute_with_args(statement, kMeasured + 1, types, values, nulls, false, 0);
}

}  // namespace

const Found& FindObject(const Issued& issued, std::string_view key, const Target& target) {
  const Expected expected = ExpectedOf(issued, key);
  S3Call& call = S3Call::Begin(Operation::kConfirmUpload, key, target);
  auto& found = Owned<Found>();
  call.Run([&](S3Client& s3) { Find(s3, call.bucket(), expected, &found); });
  call.Finish();
  return found;
}

Search& PrepareSearch(const PendingUpload* const* uploads, int count) {
  auto& search = Owned<Search>();
  for (int i = 0; i < count; ++i) {
    const Expected next = ExpectedOf(uploads[i]->issued, Utf8(uploads[i]->key));
    Guard([&] { search.expected.push_back(next); });
  }
  return search;
}

const std::vector<Sighting>& FindObjects(Operation operation, const Target& target,
                                         Search* search) {
  S3Call& call = S3Call::Begin(operation, {}, target);
  call.ShowItems(0, static_cast<std::int64_t>(search->expected.size()));
  Guard([&] {
    const WaitEvent wait;
    search->sightings.resize(search->expected.size());
    try {
      S3Client& s3 = call.BeginAt(MakeService(target), MakeLimits());
      FindAll(s3, call.bucket(), search);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      FailAll(error, search);
    }
  });
  call.Finish();
  return search->sightings;
}

bool RecordConfirmed(const Extension& extension, const GovernedTable& table, const text* key,
                     const Found& found) {
  const SavedRole saved = BecomeOwner(table.owner);
  // The row first, then the ledger, as s3_abort_upload takes them.
  const bool is_there = LocksRow(table.relation, key);
  if (is_there && SettleUpload(extension, table, key)) WriteMeasured(table, key, found);
  RestoreRole(saved);
  return is_there;
}

}  // namespace neon_s3

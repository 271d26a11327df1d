#include "pg/copy_capture.h"

#include "pg/compat.h"

// Kerberos' headers, which nothing here needs, may not be there.
#undef ENABLE_GSS

extern "C" {
#include "access/xact.h"
#include "libpq/libpq.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parser.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"
}

namespace neon_s3 {
namespace {

struct Capture {
  CopySink sink;
  Capture* outer;               // the query of that one runs this one
  const PQcommMethods* client;  // where messages went before
  CommandDest destination;
};

Capture* current = nullptr;

// A background worker has no client.
bool HasClient() { return current->destination != DestNone && current->destination != DestDebug; }

constexpr char kCopyOutResponse = 'H', kCopyData = 'd', kCopyDone = 'c';

int PutMessage(char type, const char* bytes, std::size_t size) {
  if (type == kCopyData) {
    current->sink.take(current->sink.context, bytes, size);
    return 0;
  }
  if (type == kCopyOutResponse || type == kCopyDone || !HasClient()) return 0;
  return current->client->putmessage(type, bytes, size);
}

void PutMessageNoBlock(char type, const char* bytes, std::size_t size) {
  if (HasClient()) current->client->putmessage_noblock(type, bytes, size);
}

void Reset() {
  if (HasClient()) current->client->comm_reset();
}
int Flush() { return HasClient() ? current->client->flush() : 0; }
int FlushIfWritable() { return HasClient() ? current->client->flush_if_writable() : 0; }
bool IsSendPending() { return HasClient() && current->client->is_send_pending(); }

const PQcommMethods kMethods = {Reset,         Flush,      FlushIfWritable,
                                IsSendPending, PutMessage, PutMessageNoBlock};

void Begin(Capture* capture) {
  capture->outer = current;
  capture->client = current != nullptr ? current->client : PqCommMethods;
  capture->destination = current != nullptr ? current->destination : whereToSendOutput;
  current = capture;
  PqCommMethods = &kMethods;
  whereToSendOutput = DestRemote;  // else COPY would write to the server's own output
}

void End(const Capture& capture) {
  current = capture.outer;
  if (current != nullptr) return;
  PqCommMethods = capture.client;
  whereToSendOutput = capture.destination;
}

bool IsQuery(const Node* statement) {
  return IsA(statement, SelectStmt) || MayReturnRows(nodeTag(statement));
}

RawStmt* ParseQuery(const char* query) {
  List* statements = raw_parser(query, RAW_PARSE_DEFAULT);
  if (list_length(statements) != 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("query has %d statements, not one", list_length(statements))));
  }
  auto* statement = linitial_node(RawStmt, statements);
  if (!IsQuery(statement->stmt)) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("query is not one that COPY takes"),
             errhint("Use SELECT, VALUES, TABLE, WITH, or INSERT, UPDATE or DELETE with "
                     "RETURNING.")));
  }
  return statement;
}

PlannedStmt* CopyCommand(const RawStmt& query, List* options) {
  auto* copy = makeNode(CopyStmt);
  copy->query = query.stmt;
  copy->options = options;
  auto* command = makeNode(PlannedStmt);
  command->commandType = CMD_UTILITY;
  command->canSetTag = true;
  command->utilityStmt = reinterpret_cast<Node*>(copy);
  command->stmt_location = query.stmt_location;
  command->stmt_len = query.stmt_len;
  return command;
}

std::uint64_t RunCommand(PlannedStmt* command, const char* query) {
  QueryCompletion completion;
  InitializeQueryCompletion(&completion);
  // It sees what earlier commands did, and its caller's own changes.
  CommandCounterIncrement();
  PushActiveSnapshot(GetTransactionSnapshot());
  ProcessUtility(command, query, false, PROCESS_UTILITY_QUERY, nullptr, nullptr, None_Receiver,
                 &completion);
  PopActiveSnapshot();
  return completion.nprocessed;
}

// A position is one in the query, not in the statement that has it as an argument.
void ShowQuery(void* query) {
  const int position = geterrposition();
  if (position <= 0) return;
  errposition(0);
  internalerrposition(position);
  internalerrquery(static_cast<const char*>(query));
}

}  // namespace

std::uint64_t CopyQueryTo(const char* query, List* options, const CopySink& sink) {
  ErrorContextCallback context = {error_context_stack, ShowQuery, const_cast<char*>(query)};
  error_context_stack = &context;
  PlannedStmt* command = CopyCommand(*ParseQuery(query), options);
  Capture capture = {sink, nullptr, nullptr, DestNone};
  volatile std::uint64_t rows = 0;
  Begin(&capture);
  PG_TRY();
  { rows = RunCommand(command, query); }
  PG_FINALLY();
  { End(capture); }
  PG_END_TRY();
  error_context_stack = context.previous;
  return rows;
}

}  // namespace neon_s3

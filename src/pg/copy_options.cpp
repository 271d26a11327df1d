#include "pg/copy_options.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include "core/text.h"
#include "pg/boundary.h"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
}

namespace neon_s3 {
namespace {

[[noreturn]] void RefuseOption(const char* name, const char* hint) {
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
           errmsg("value of \"%s\" in options is not an option's", name), errhint("%s", hint)));
  pg_unreachable();
}

char* TextOf(const JsonbValue& value) {
  return pnstrdup(value.val.string.val, value.val.string.len);
}

Node* NumberNode(const JsonbValue& value) {
  char* text =
      DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
  char* end;
  const long number = std::strtol(text, &end, 10);
  const bool is_int = *end == '\0' && number >= std::numeric_limits<int>::min() &&
                      number <= std::numeric_limits<int>::max();
  if (is_int) return reinterpret_cast<Node*>(makeInteger(static_cast<int>(number)));
  return reinterpret_cast<Node*>(makeFloat(text));
}

Node* NamesNode(const char* name, JsonbContainer* array) {
  List* names = NIL;
  JsonbValue value;
  JsonbIterator* iterator = JsonbIteratorInit(array);
  JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
  while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_ELEM) {
    if (value.type != jbvString) RefuseOption(name, "A list has names of columns, as strings.");
    names = lappend(names, makeString(TextOf(value)));
  }
  return reinterpret_cast<Node*>(names);
}

// As COPY's grammar has it.
Node* NodeOf(const char* name, const JsonbValue& value) {
  switch (value.type) {
    case jbvString: {
      char* text = TextOf(value);
      const bool is_star = StartsWith(name, "force_") && std::strcmp(text, "*") == 0;
      return is_star ? reinterpret_cast<Node*>(makeNode(A_Star))
                     : reinterpret_cast<Node*>(makeString(text));
    }
    case jbvBool:
      return reinterpret_cast<Node*>(makeString(pstrdup(value.val.boolean ? "true" : "false")));
    case jbvNumeric:
      return NumberNode(value);
    case jbvBinary:
      if (JsonContainerIsArray(value.val.binary.data)) {
        return NamesNode(name, value.val.binary.data);
      }
      break;
    default:
      break;
  }
  RefuseOption(name, "Use a string, a number, true or false, or a list of columns.");
}

Compression CompressionOf(const JsonbValue& value) {
  if (value.type != jbvString) RefuseOption("compression", "Use \"none\", \"gzip\" or \"zstd\".");
  const std::string_view name(value.val.string.val, static_cast<std::size_t>(value.val.string.len));
  Compression compression;
  Guard([&] { compression = ParseCompression(name); });
  return compression;
}

void RefuseFormat() {
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must not have \"format\""),
           errhint("It is an argument of its own.")));
}

void AddOption(const JsonbValue& key, const JsonbValue& value, CopyOptions* copy) {
  char* name = TextOf(key);
  if (std::strcmp(name, "format") == 0) RefuseFormat();
  if (std::strcmp(name, "compression") == 0) {
    copy->compression = CompressionOf(value);
  } else {
    copy->options = lappend(copy->options, makeDefElem(name, NodeOf(name, value), -1));
  }
}

void AddOptions(Jsonb* json, CopyOptions* copy) {
  if (!JB_ROOT_IS_OBJECT(json)) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
             errhint("Write COPY's options as in {\"header\": true, \"delimiter\": \";\"}.")));
  }
  JsonbValue value;
  JsonbIterator* iterator = JsonbIteratorInit(&json->root);
  JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
  while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY) {
    const JsonbValue key = value;
    JsonbIteratorNext(&iterator, &value, true);
    AddOption(key, value, copy);
  }
}

}  // namespace

CopyOptions ReadCopyOptions(const OptionalText& format, Jsonb* json, std::string_view key) {
  CopyOptions copy;
  char* name = format ? pnstrdup(format->data(), format->size()) : pstrdup("csv");
  copy.format = name;
  copy.options =
      list_make1(makeDefElem(pstrdup("format"), reinterpret_cast<Node*>(makeString(name)), -1));
  Guard([&] { copy.compression = CompressionOfKey(key); });
  if (json != nullptr) AddOptions(json, &copy);
  return copy;
}

}  // namespace neon_s3

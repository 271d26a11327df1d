#include "core/bucket_config.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/encoding.h"
#include "core/error.h"
#include "core/error_reply.h"
#include "core/json.h"
#include "core/utc_time.h"
#include "core/xml.h"

namespace neon_s3 {
namespace {

// One table serves both directions: what JSON has as `member` is `element` in XML, in the order of
// the table. A list is its element, repeated.
enum class Kind { kText, kInteger, kFlag, kDate, kObject, kTexts, kObjects };
enum class Presence {
  kOptional,
  kRequired,
  kListed,  // an empty list is written out in JSON, as AWS's console does
};

struct Member;
struct Shape {
  const Member* first = nullptr;
  const Member* last = nullptr;

  constexpr Shape() noexcept = default;
  template <std::size_t size>
  constexpr Shape(const Member (&members)[size]) noexcept : first(members), last(members + size) {}
  const Member* begin() const { return first; }
  const Member* end() const { return last; }
};

struct Member {
  const char* member;
  const char* element;
  Kind kind;
  Presence presence = Presence::kOptional;
  Shape shape = {};  // of an object, or of a list's
};

constexpr Member kCorsRule[] = {
    {"ID", "ID", Kind::kText},
    {"AllowedHeaders", "AllowedHeader", Kind::kTexts, Presence::kListed},
    {"AllowedMethods", "AllowedMethod", Kind::kTexts, Presence::kRequired},
    {"AllowedOrigins", "AllowedOrigin", Kind::kTexts, Presence::kRequired},
    {"ExposeHeaders", "ExposeHeader", Kind::kTexts, Presence::kListed},
    {"MaxAgeSeconds", "MaxAgeSeconds", Kind::kInteger},
};
constexpr Member kCors[] = {
    {"CORSRules", "CORSRule", Kind::kObjects, Presence::kRequired, kCorsRule},
};

constexpr Member kTag[] = {
    {"Key", "Key", Kind::kText, Presence::kRequired},
    {"Value", "Value", Kind::kText, Presence::kRequired},
};
constexpr Member kAnd[] = {
    {"Prefix", "Prefix", Kind::kText},
    {"Tags", "Tag", Kind::kObjects, Presence::kOptional, kTag},
    {"ObjectSizeGreaterThan", "ObjectSizeGreaterThan", Kind::kInteger},
    {"ObjectSizeLessThan", "ObjectSizeLessThan", Kind::kInteger},
};
constexpr Member kFilter[] = {
    {"Prefix", "Prefix", Kind::kText},
    {"Tag", "Tag", Kind::kObject, Presence::kOptional, kTag},
    {"ObjectSizeGreaterThan", "ObjectSizeGreaterThan", Kind::kInteger},
    {"ObjectSizeLessThan", "ObjectSizeLessThan", Kind::kInteger},
    {"And", "And", Kind::kObject, Presence::kOptional, kAnd},
};
constexpr Member kExpiration[] = {
    {"Date", "Date", Kind::kDate},
    {"Days", "Days", Kind::kInteger},
    {"ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker", Kind::kFlag},
};
constexpr Member kTransition[] = {
    {"Date", "Date", Kind::kDate},
    {"Days", "Days", Kind::kInteger},
    {"StorageClass", "StorageClass", Kind::kText, Presence::kRequired},
};
constexpr Member kNoncurrentTransition[] = {
    {"NoncurrentDays", "NoncurrentDays", Kind::kInteger},
    {"StorageClass", "StorageClass", Kind::kText, Presence::kRequired},
    {"NewerNoncurrentVersions", "NewerNoncurrentVersions", Kind::kInteger},
};
constexpr Member kNoncurrentExpiration[] = {
    {"NoncurrentDays", "NoncurrentDays", Kind::kInteger},
    {"NewerNoncurrentVersions", "NewerNoncurrentVersions", Kind::kInteger},
};
constexpr Member kAbort[] = {
    {"DaysAfterInitiation", "DaysAfterInitiation", Kind::kInteger},
};
constexpr Member kLifecycleRule[] = {
    {"ID", "ID", Kind::kText},
    {"Prefix", "Prefix", Kind::kText},
    {"Filter", "Filter", Kind::kObject, Presence::kOptional, kFilter},
    {"Status", "Status", Kind::kText, Presence::kRequired},
    {"Expiration", "Expiration", Kind::kObject, Presence::kOptional, kExpiration},
    {"Transitions", "Transition", Kind::kObjects, Presence::kOptional, kTransition},
    {"NoncurrentVersionTransitions", "NoncurrentVersionTransition", Kind::kObjects,
     Presence::kOptional, kNoncurrentTransition},
    {"NoncurrentVersionExpiration", "NoncurrentVersionExpiration", Kind::kObject,
     Presence::kOptional, kNoncurrentExpiration},
    {"AbortIncompleteMultipartUpload", "AbortIncompleteMultipartUpload", Kind::kObject,
     Presence::kOptional, kAbort},
};
constexpr Member kLifecycle[] = {
    {"Rules", "Rule", Kind::kObjects, Presence::kRequired, kLifecycleRule},
};

constexpr Member kPublicAccessBlock[] = {
    {"BlockPublicAcls", "BlockPublicAcls", Kind::kFlag},
    {"IgnorePublicAcls", "IgnorePublicAcls", Kind::kFlag},
    {"BlockPublicPolicy", "BlockPublicPolicy", Kind::kFlag},
    {"RestrictPublicBuckets", "RestrictPublicBuckets", Kind::kFlag},
};

constexpr Member kVersioning[] = {
    {"Status", "Status", Kind::kText},
    {"MFADelete", "MfaDelete", Kind::kText},
};

struct Layout {
  BucketConfigNames names;
  const char* root;       // null: the document is JSON
  const char* ceph_root;  // what Ceph calls it in its replies
  const char* rules;      // the member that JSON may do without; null: there is none
  Shape shape;
};

constexpr std::string_view kXmlType = "application/xml";

constexpr Layout kLayouts[] = {
    {{BucketConfig::kCors, "cors", "PutBucketCors", "GetBucketCors", "DeleteBucketCors", kXmlType,
      "NoSuchCORSConfiguration", "CORS rules"},
     "CORSConfiguration",
     "CORSConfiguration",
     "CORSRules",
     kCors},
    {{BucketConfig::kPolicy, "policy", "PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy",
      "application/json", "NoSuchBucketPolicy", "policy"},
     nullptr,
     nullptr,
     nullptr,
     {}},
    {{BucketConfig::kLifecycle, "lifecycle", "PutBucketLifecycleConfiguration",
      "GetBucketLifecycleConfiguration", "DeleteBucketLifecycle", kXmlType,
      "NoSuchLifecycleConfiguration", "lifecycle rules"},
     "LifecycleConfiguration",
     "LifecycleConfiguration",
     "Rules",
     kLifecycle},
    {{BucketConfig::kPublicAccessBlock, "publicAccessBlock", "PutPublicAccessBlock",
      "GetPublicAccessBlock", "DeletePublicAccessBlock", kXmlType,
      "NoSuchPublicAccessBlockConfiguration", "public access block"},
     "PublicAccessBlockConfiguration",
     "BlockPublicAccessBlockConfiguration",
     nullptr,
     kPublicAccessBlock},
    {{BucketConfig::kVersioning, "versioning", "PutBucketVersioning", "GetBucketVersioning", "",
      kXmlType, "", "versioning"},
     "VersioningConfiguration",
     "VersioningConfiguration",
     nullptr,
     kVersioning},
};

const Layout& LayoutOf(BucketConfig config) {
  return *std::find_if(std::begin(kLayouts), std::end(kLayouts),
                       [config](const Layout& layout) { return layout.names.config == config; });
}

// JSON to XML.

[[noreturn]] void Refuse(const std::string& path, const char* problem) {
  throw Error(ErrorCode::kBadArgument, "\"" + WithoutControls(path) + "\" " + problem);
}

std::string TextOf(const Json& value, const std::string& path) {
  if (!value.is_string()) Refuse(path, "is not a string");
  const std::string& text = value.get_ref<const std::string&>();
  if (!CanBeInXml(text)) Refuse(path, "has characters that XML cannot represent");
  return text;
}

std::string DateOf(const Json& value, const std::string& path) {
  std::string text = TextOf(value, path);
  if (text.size() == std::string_view("2030-01-31").size()) text.append("T00:00:00Z");
  const std::optional<std::int64_t> seconds = ParseIso8601(text);
  if (!seconds) Refuse(path, "is not a date such as \"2030-01-31T00:00:00Z\"");
  return UtcTime(*seconds).extended();
}

std::string ScalarText(Kind kind, const Json& value, const std::string& path) {
  if (kind == Kind::kText || kind == Kind::kTexts) return TextOf(value, path);
  if (kind == Kind::kDate) return DateOf(value, path);
  if (kind == Kind::kFlag) {
    if (!value.is_boolean()) Refuse(path, "is neither true nor false");
    return value.get<bool>() ? "true" : "false";
  }
  if (!value.is_number_integer()) Refuse(path, "is not an integer");
  return value.dump();
}

bool HasMember(const Shape& shape, const std::string& name) {
  return std::any_of(shape.begin(), shape.end(),
                     [&name](const Member& member) { return member.member == name; });
}

void WriteMembers(const Json& object, const Shape& shape, const std::string& path,
                  pugi::xml_node parent);

void WriteOne(const Json& value, const Member& member, const std::string& path,
              pugi::xml_node parent) {
  if (member.kind == Kind::kObject || member.kind == Kind::kObjects) {
    return WriteMembers(value, member.shape, path, AppendElement(parent, member.element));
  }
  AppendElement(parent, member.element, ScalarText(member.kind, value, path));
}

void WriteMember(const Json& value, const Member& member, const std::string& path,
                 pugi::xml_node parent) {
  if (member.kind != Kind::kTexts && member.kind != Kind::kObjects) {
    return WriteOne(value, member, path, parent);
  }
  if (!value.is_array()) Refuse(path, "is not an array");
  if (value.empty() && member.presence == Presence::kRequired) Refuse(path, "is empty");
  std::size_t i = 0;
  for (const Json& item : value) {
    WriteOne(item, member, path + "[" + std::to_string(i++) + "]", parent);
  }
}

void WriteMembers(const Json& object, const Shape& shape, const std::string& path,
                  pugi::xml_node parent) {
  const auto path_of = [&path](const std::string& name) {
    return path.empty() ? name : path + "." + name;
  };
  if (!object.is_object()) Refuse(path, "is not an object");
  for (const auto& item : object.items()) {
    if (!HasMember(shape, item.key())) Refuse(path_of(item.key()), "is unknown");
  }
  for (const Member& member : shape) {
    const auto found = object.find(member.member);
    if (found != object.end()) {
      WriteMember(*found, member, path_of(member.member), parent);
    } else if (member.presence == Presence::kRequired) {
      Refuse(path_of(member.member), "is missing");
    }
  }
}

// XML to JSON.

OwnedJson ReadMembers(const pugi::xml_node& parent, const Shape& shape);

OwnedJson ReadOne(const pugi::xml_node& element, const Member& member) {
  switch (member.kind) {
    case Kind::kInteger:
      return OwnedJson(XmlInteger(element, member.element));
    case Kind::kFlag:
      return OwnedJson(XmlFlag(element, member.element));
    case Kind::kObject:
    case Kind::kObjects:
      return ReadMembers(element, member.shape);
    default:
      return OwnedJson(XmlText(element));
  }
}

OwnedJson ReadList(const pugi::xml_node& parent, const Member& member) {
  OwnedJson list(Json::array());
  for (const pugi::xml_node& element : parent.children(member.element)) {
    OwnedJson item = ReadOne(element, member);
    list->push_back(std::move(*item));
  }
  return list;
}

OwnedJson ReadMembers(const pugi::xml_node& parent, const Shape& shape) {
  OwnedJson object(Json::object());
  const auto most = std::distance(shape.begin(), shape.end());
  object->get_ref<Json::object_t&>().reserve(static_cast<std::size_t>(most));  // growing would copy
  for (const Member& member : shape) {
    if (member.kind == Kind::kTexts || member.kind == Kind::kObjects) {
      OwnedJson list = ReadList(parent, member);
      const bool is_said = !list->empty() || member.presence != Presence::kOptional;
      if (is_said) (*object)[member.member].swap(*list);
    } else if (const pugi::xml_node element = parent.child(member.element)) {
      OwnedJson value = ReadOne(element, member);
      (*object)[member.member].swap(*value);
    }
  }
  return object;
}

bool IsOneRule(const Json& value, const Layout& layout) {
  if (!value.is_object()) return false;
  for (const auto& item : value.items()) {
    if (HasMember(layout.shape.begin()->shape, item.key())) return true;
  }
  return false;
}

OwnedJson InList(OwnedJson value) {
  OwnedJson list(Json::array());
  list->push_back(std::move(*value));
  return list;
}

// Rules in the object that AWS's API has around them.
OwnedJson WithRulesNamed(OwnedJson value, const Layout& layout) {
  if (layout.rules == nullptr) return value;
  if (IsOneRule(*value, layout)) return WithRulesNamed(InList(std::move(value)), layout);
  if (!value->is_array()) return value;
  OwnedJson rules(Json::object());
  (*rules)[layout.rules].swap(*value);
  return rules;
}

// A text that is the same for values that say the same.
std::string Canonical(const Json& value) {
  if (value.is_number()) return Json(value.get<double>()).dump();
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> parts;
  bool is_set = true;
  for (const auto& item : value.items()) {
    const std::string name = value.is_object() ? ToJson(item.key()) + ":" : "";
    parts.push_back(name + Canonical(item.value()) + ",");
    is_set = is_set && (value.is_object() || item.value().is_string());
  }
  if (is_set) std::sort(parts.begin(), parts.end());
  std::string text(value.is_object() ? "{" : "[");
  for (const std::string& part : parts) text.append(part);
  return text + (value.is_object() ? "}" : "]");
}

}  // namespace

const BucketConfigNames& NamesOf(BucketConfig config) { return LayoutOf(config).names; }

std::string_view MissingConfig(std::string_view s3_code) {
  for (const Layout& layout : kLayouts) {
    const std::string_view code = layout.names.missing_code;
    if (!code.empty() && code == s3_code) return layout.names.noun;
  }
  return {};
}

std::string BucketConfigDocument(BucketConfig config, std::string_view json) {
  const Layout& layout = LayoutOf(config);
  const OwnedJson value = WithRulesNamed(ParseJson(json), layout);
  if (!value->is_object()) {
    throw Error(ErrorCode::kBadArgument,
                std::string(layout.names.noun) + " must be a JSON " +
                    (layout.rules != nullptr ? "array of objects" : "object"));
  }
  if (layout.root == nullptr) return std::string(json);
  pugi::xml_document document;
  WriteMembers(*value, layout.shape, "", AppendS3Root(&document, layout.root));
  return ToText(document);
}

std::string BucketConfigJson(BucketConfig config, std::string_view document) {
  const Layout& layout = LayoutOf(config);
  if (layout.root == nullptr) {
    if (IsJsonForJsonb(document)) return std::string(document);
    RaiseMalformedReply("The " + std::string(layout.names.noun) +
                        " is not valid JSON, has a NUL, or is deeper than 32 levels.");
  }
  const XmlReply reply(document, {layout.root, layout.ceph_root});
  const OwnedJson value = ReadMembers(reply.root(), layout.shape);
  return (layout.rules != nullptr ? (*value)[layout.rules] : *value).dump();
}

bool SameConfig(std::string_view json, std::string_view other_json) {
  const OwnedJson value = ParseJson(json, json.size());
  const OwnedJson other = ParseJson(other_json, other_json.size());
  return Canonical(*value) == Canonical(*other);
}

}  // namespace neon_s3

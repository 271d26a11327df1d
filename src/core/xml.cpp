#include "core/xml.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "core/encoding.h"
#include "core/error.h"
#include "core/error_reply.h"
#include "core/text.h"

namespace neon_s3 {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxTags = 200000;
constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// At least the attributes of `text`: quotes after an equals sign.
std::size_t CountAttributes(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find('=', at)) != std::string_view::npos;) {
    at = text.find_first_not_of(" \t\r\n", at + 1);
    if (at == std::string_view::npos) break;
    if (text[at] == '"' || text[at] == '\'') ++count;
  }
  return count;
}

// Whether `reference`, what follows "&#", stands for a character that UTF-8 has, NUL excepted.
// pugixml writes a NUL for others, which would end the text early.
bool IsCharacterReference(std::string_view reference) {
  const bool hex = !reference.empty() && reference.front() == 'x';
  if (hex) reference.remove_prefix(1);
  const std::string_view digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
  unsigned long value = 0;
  std::size_t size = 0;
  for (; size < reference.size() && value <= 0x10ffff; ++size) {
    const std::size_t digit = digits.find(reference[size]);
    if (digit == std::string_view::npos) break;
    value = hex ? value * 16 + (digit < 16 ? digit : digit - 6) : value * 10 + digit;
  }
  return size > 0 && value > 0 && value <= 0x10ffff;
}

bool HasNul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return true;
  for (std::size_t at = 0; (at = text.find("&#", at)) != std::string_view::npos;) {
    at += 2;
    if (!IsCharacterReference(text.substr(at))) return true;
  }
  return false;
}

// "ns2:Key" means Key: no server mixes namespaces in a reply. False where no name is left.
bool DropPrefix(pugi::xml_node node) {
  const char* colon = std::strchr(node.name(), ':');
  if (colon == nullptr) return true;
  const std::string name = colon + 1;
  if (name.empty() || std::strchr("0123456789-.", name.front()) != nullptr ||
      name.find(':') != std::string::npos)
    return false;
  if (!node.set_name(name.c_str())) throw std::bad_alloc();
  return true;
}

// Drops the prefixes of names; false for a tree that is deeper, or has a prefix and no name.
bool WalkTree(const pugi::xml_node& top, int max_depth) {
  int depth = 0;
  for (pugi::xml_node node = top;;) {
    if (depth > max_depth && node.type() == pugi::node_element) return false;
    if (node.type() == pugi::node_element && !DropPrefix(node)) return false;
    if (node.first_child()) {
      node = node.first_child();
      ++depth;
      continue;
    }
    while (node != top && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node == top) return true;
    node = node.next_sibling();
  }
}

struct StringWriter : pugi::xml_writer {
  std::string text;

  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
};

}  // namespace

XmlStatus ParseXmlInPlace(char* text, std::size_t size, std::size_t max_bytes,
                          pugi::xml_document* document) {
  const std::string_view view(text, size);
  if (size > max_bytes) return XmlStatus::kTooLarge;
  const auto tags = static_cast<std::size_t>(std::count(view.begin(), view.end(), '<'));
  if (tags > kMaxTags || CountAttributes(view) > kMaxTags) return XmlStatus::kTooLarge;
  if (HasNul(view)) return XmlStatus::kMalformed;

  // A text of nothing but spaces is a text, too: a key, say.
  constexpr unsigned kFlags =
      pugi::parse_escapes | pugi::parse_cdata | pugi::parse_ws_pcdata_single;
  const pugi::xml_parse_result result =
      document->load_buffer_inplace(text, size, kFlags, pugi::encoding_utf8);
  if (result.status == pugi::status_out_of_memory) throw std::bad_alloc();
  const bool good = result && WalkTree(*document, kMaxDepth);
  return good ? XmlStatus::kOk : XmlStatus::kMalformed;
}

XmlReply::XmlReply(std::string_view body, std::initializer_list<std::string_view> root_names) {
  XmlStatus status = XmlStatus::kTooLarge;
  if (body.size() <= kMaxXmlBytes) {
    text_ = body;
    status = ParseXmlInPlace(text_.data(), text_.size(), kMaxXmlBytes, &document_);
  }
  if (status == XmlStatus::kTooLarge) {
    throw Error(ErrorCode::kTooLarge, "reply from S3 is too large", "",
                "It has more than 16 MiB or 200000 tags.");
  }
  if (status != XmlStatus::kOk) RaiseMalformedReply("It is not XML, or deeper than 32 levels.");
  root_ = document_.document_element();
  const std::string_view name = root_.name();
  if (std::find(root_names.begin(), root_names.end(), name) == root_names.end()) {
    RaiseMalformedReply("It has no " + std::string(*root_names.begin()) + ".");
  }
}

std::string XmlText(const pugi::xml_node& element) {
  std::string text = RawXmlText<std::string>(element);
  if (!IsValidUtf8(text)) RaiseMalformedReply("It has text that is not UTF-8.");
  return text;
}

std::string XmlText(const pugi::xml_node& parent, const char* name) {
  return XmlText(parent.child(name));
}

std::string XmlWord(const pugi::xml_node& parent, const char* name) {
  return std::string(WithoutOuterSpace(XmlText(parent, name)));
}

std::int64_t XmlInteger(const pugi::xml_node& element, const char* name) {
  const std::optional<std::int64_t> number = ParseDecimal(WithoutOuterSpace(XmlText(element)));
  if (!number) RaiseMalformedReply(std::string("Its ") + name + " is not a number.");
  return *number;
}

bool XmlFlag(const pugi::xml_node& element, const char* name) {
  const std::string text = LowerCase(WithoutOuterSpace(XmlText(element)));
  const bool is_true = text == "true";
  if (element && !is_true && text != "false") {
    RaiseMalformedReply(std::string("Its ") + name + " is neither true nor false.");
  }
  return is_true;
}

bool CanBeInXml(std::string_view text) {
  // Of C0, tab and line feed can be written (a carriage return would be read as a line feed); nor
  // are U+FFFE and U+FFFF characters of XML's.
  const bool controls = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n';
  });
  return !controls && text.find("\xef\xbf\xbe") == std::string_view::npos &&
         text.find("\xef\xbf\xbf") == std::string_view::npos;
}

pugi::xml_node AppendElement(pugi::xml_node parent, const char* name) {
  const pugi::xml_node child = parent.append_child(name);
  if (!child) throw std::bad_alloc();
  return child;
}

void AppendElement(pugi::xml_node parent, const char* name, const std::string& text) {
  if (!AppendElement(parent, name).text().set(text.c_str())) throw std::bad_alloc();
}

pugi::xml_node AppendS3Root(pugi::xml_document* document, const char* name) {
  pugi::xml_node root = AppendElement(*document, name);
  if (!root.append_attribute("xmlns").set_value(kS3Namespace)) throw std::bad_alloc();
  return root;
}

std::string ToText(const pugi::xml_node& node) {
  StringWriter writer;
  node.print(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return std::move(writer.text);
}

}  // namespace neon_s3

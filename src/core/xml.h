// XML of others, parsed within limits, and XML of our own: pugixml, which never expands entities of
// a document's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <pugixml.hpp>

namespace neon_s3 {

constexpr std::size_t kMaxXmlBytes = 16 << 20;

enum class XmlStatus { kOk, kMalformed, kTooLarge };

// `document` keeps pointers into `text`, which it changes; names of elements are without their
// prefixes. kMalformed for what is not XML, is deeper than 32 levels, has a prefix without a name,
// or a NUL, written out or as a reference; kTooLarge for more than `max_bytes`, and for more than
// 200,000 tags or attributes, so that a tree takes 32 MiB or so at most.
XmlStatus ParseXmlInPlace(char* text, std::size_t size, std::size_t max_bytes,
                          pugi::xml_document* document);

// A reply of S3's, of kMaxXmlBytes at most, whose outermost element has one of these names.
// kMalformedReply or kTooLarge for others.
class XmlReply {
 public:
  XmlReply(std::string_view body, std::initializer_list<std::string_view> root_names);

  const pugi::xml_node& root() const { return root_; }

 private:
  std::string text_;
  pugi::xml_document document_;
  pugi::xml_node root_;
};

// All text of an element, comments and CDATA sections in it or not; UTF-8 or not.
template <typename String>
String RawXmlText(const pugi::xml_node& element) {
  String text;
  for (const pugi::xml_node& child : element.children()) {
    const bool is_text = child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata;
    if (is_text) text.append(child.value());
  }
  return text;
}

// The same of an element, or of its first child of that name; empty where there is none.
// kMalformedReply where it is not UTF-8.
std::string XmlText(const pugi::xml_node& element);
std::string XmlText(const pugi::xml_node& parent, const char* name);
// The same without white space at its ends.
std::string XmlWord(const pugi::xml_node& parent, const char* name);

// The number, or true or false, that an element holds, between white space; `name` is the
// element's. kMalformedReply where there is none, but an element that is not there is false.
std::int64_t XmlInteger(const pugi::xml_node& element, const char* name);
bool XmlFlag(const pugi::xml_node& element, const char* name);

// Whether XML 1.0 can write a text: it has no way to write most control characters.
bool CanBeInXml(std::string_view text);

// A new last child of `parent`.
pugi::xml_node AppendElement(pugi::xml_node parent, const char* name);
void AppendElement(pugi::xml_node parent, const char* name, const std::string& text);

// Starts a document: its outermost element, in S3's namespace.
pugi::xml_node AppendS3Root(pugi::xml_document* document, const char* name);

// An element, or a whole document.
std::string ToText(const pugi::xml_node& node);

}  // namespace neon_s3

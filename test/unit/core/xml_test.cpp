#include "core/xml.h"

#include <ctime>

#include <gtest/gtest.h>

#include "expect_error.h"

namespace neon_s3 {
namespace {

using test::ErrorOf;

XmlStatus StatusOf(std::string text) {
  pugi::xml_document document;
  return ParseXmlInPlace(text.data(), text.size(), kMaxXmlBytes, &document);
}

std::string Repeat(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out.append(text);
  return out;
}

std::string Nested(std::size_t depth, const std::string& inside) {
  return Repeat("<a>", depth) + inside + Repeat("</a>", depth);
}

TEST(Xml, GivesTheTextOfAnElement) {
  const XmlReply reply(
      "\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><R xmlns=\"x\">\n "
      "<A>a&lt;&#233;&#x1F600;"
      "<![CDATA[<b>]]>c<!-- d -->e</A><B/><C>  </C><D> x </D></R>",
      {"Other", "R"});
  EXPECT_EQ(XmlText(reply.root(), "A"), "a<\xc3\xa9\xf0\x9f\x98\x80<b>ce");
  EXPECT_EQ(XmlText(reply.root(), "B"), "");
  EXPECT_EQ(XmlText(reply.root(), "C"), "  ");
  EXPECT_EQ(XmlText(reply.root(), "D"), " x ");
  EXPECT_EQ(XmlText(reply.root(), "None"), "");
}

TEST(Xml, RefusesWhatIsNone) {
  for (const char* text :
       {"", "  ", "text", "{}", "<a>", "<a></b>", "<a", "<a b=>", "<R/>", "<a><R/></a>"}) {
    const Error error = ErrorOf([&] { XmlReply(text, {"Wanted"}); });
    EXPECT_EQ(error.code(), ErrorCode::kMalformedReply) << text;
    EXPECT_STREQ(error.what(), "malformed reply from S3");
  }
  EXPECT_EQ(ErrorOf([] { XmlReply("<R/>", {"Wanted", "Other"}); }).detail(), "It has no Wanted.");
}

TEST(Xml, ExpandsNoEntitiesOfItsOwn) {
  const XmlReply reply(
      "<!DOCTYPE R [<!ENTITY x \"y\"><!ENTITY f SYSTEM "
      "\"file:///etc/passwd\">]><R><A>&x;&f;</A></R>",
      {"R"});
  EXPECT_EQ(XmlText(reply.root(), "A"), "&x;&f;");
}

TEST(Xml, RefusesTextsThatAreNoUtf8) {
  for (const char* text : {"\xff", "\xc3", "\xed\xa0\x80", "&#xD800;", "\xc0\x80"}) {
    const std::string body = "<R><A>" + std::string(text) + "</A></R>";
    const XmlReply reply(body, {"R"});
    EXPECT_EQ(ErrorOf([&] { XmlText(reply.root(), "A"); }).code(), ErrorCode::kMalformedReply)
        << body;
  }
}

TEST(Xml, RefusesNulInEveryForm) {
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s, "&#0;"s, "&#x0;"s, "&#x000;"s, "&#000;"s, "&#4294967296;"s,
                                  "&#x100000000;"s, "&#1114112;"s, "&#;"s, "&#x;"s, "&#0"s}) {
    EXPECT_EQ(StatusOf("<R>a" + text + "b</R>"), XmlStatus::kMalformed) << text;
  }
  EXPECT_EQ(StatusOf("<R>&#1114111;&#x10FFFF;&#1;</R>"), XmlStatus::kOk);
}

TEST(Xml, DropsPrefixesOfNames) {
  EXPECT_EQ(XmlText(XmlReply("<s3:R xmlns:s3=\"x\"><s3:A>a</s3:A></s3:R>", {"R"}).root(), "A"),
            "a");
  for (const char* name : {"a:", "a:0", "a:-", "a:.", "a:b:c", ":"})
    EXPECT_EQ(StatusOf(std::string("<R><") + name + "/></R>"), XmlStatus::kMalformed) << name;
}

TEST(Xml, HasALimitOfDepth) {
  EXPECT_EQ(StatusOf(Nested(32, "text")), XmlStatus::kOk);
  EXPECT_EQ(StatusOf(Nested(33, "")), XmlStatus::kMalformed);
  EXPECT_EQ(StatusOf(Nested(31, Nested(1, "") + Nested(1, "x") + Nested(1, ""))), XmlStatus::kOk);
  EXPECT_EQ(StatusOf(Nested(31, Nested(1, "") + Nested(2, "x"))), XmlStatus::kMalformed);
}

TEST(Xml, ReadsNumbersAndFlagsToTheirEnd) {
  const XmlReply reply("<R><A>1<![CDATA[2]]><!-- no -->3</A><B>tr<!-- no -->ue</B></R>", {"R"});
  EXPECT_EQ(XmlInteger(reply.root().child("A"), "A"), 123);
  EXPECT_TRUE(XmlFlag(reply.root().child("B"), "B"));
}

TEST(Xml, HasLimitsOfSize) {
  EXPECT_EQ(StatusOf("<R>" + Repeat("<a/>", 199998) + "</R>"), XmlStatus::kOk);
  EXPECT_EQ(StatusOf("<R>" + Repeat("<a/>", 199999) + "</R>"), XmlStatus::kTooLarge);
  EXPECT_EQ(StatusOf("<R" + Repeat(" a=\"\"", 200001) + "/>"), XmlStatus::kTooLarge);
  EXPECT_EQ(StatusOf("<R" + Repeat(" a \n= \t'>'", 200001) + "/>"), XmlStatus::kTooLarge);
  EXPECT_EQ(ErrorOf([] { XmlReply(std::string(kMaxXmlBytes + 1, ' '), {"R"}); }).code(),
            ErrorCode::kTooLarge);
  EXPECT_EQ(ErrorOf([] { XmlReply("<R>" + Repeat("<a/>", 200000) + "</R>", {"R"}); }).code(),
            ErrorCode::kTooLarge);
}

// Nothing of this may take long, or a stack.
TEST(Xml, SurvivesHostility) {
  const std::string bodies[] = {
      Repeat("<a>", 100000),          Nested(99999, ""),
      Repeat("<!DOCTYPE [", 50000),   "<!DOCTYPE R " + Repeat("[", 1000000),
      "<R>" + Repeat("&", 8 << 20),   "<R>" + Repeat("&#1", 4 << 20),
      std::string(kMaxXmlBytes, 'x'), std::string(kMaxXmlBytes, '\xff'),
      std::string(kMaxXmlBytes, '<'), std::string(kMaxXmlBytes, '='),
      std::string(kMaxXmlBytes, '"'), Repeat("<![CDATA[", 100000),
      Repeat("<!--", 100000),         Repeat("<?", 100000),
  };
  const std::clock_t start = std::clock();
  for (const std::string& body : bodies) {
    EXPECT_NE(StatusOf(body), XmlStatus::kOk) << body.substr(0, 20);
  }
  EXPECT_LT((std::clock() - start) / CLOCKS_PER_SEC, 30);
}

TEST(Xml, WritesWhatItCanRead) {
  pugi::xml_document document;
  const pugi::xml_node root = AppendS3Root(&document, "Root");
  AppendElement(root, "A", " <a&\"b'>\t\n\xc3\xa9]]> ");
  AppendElement(AppendElement(root, "B"), "C", "");
  const std::string text = ToText(document);
  EXPECT_EQ(text,
            "<Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><A> "
            "&lt;a&amp;\"b'&gt;\t\n\xc3\xa9]]&gt; "
            "</A><B><C></C></B></Root>");
  EXPECT_EQ(XmlText(XmlReply(text, {"Root"}).root(), "A"), " <a&\"b'>\t\n\xc3\xa9]]> ");
}

}  // namespace
}  // namespace neon_s3

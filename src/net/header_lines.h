// Request headers in libcurl's form.
#pragma once

#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/http_message.h"
#include "core/text.h"

namespace neon_s3 {

// A list of header lines, wiped when it goes.
class HeaderLines {
 public:
  HeaderLines() = default;
  HeaderLines(const HeaderLines&) = delete;
  ~HeaderLines() {
    for (curl_slist* line = list_; line != nullptr; line = line->next) {
      OPENSSL_cleanse(line->data, std::strlen(line->data));
    }
    curl_slist_free_all(list_);
  }

  // libcurl sends values as they are, line breaks included.
  void Add(const HttpHeader& header) {
    const std::string_view value = header.value;
    if (!IsToken(header.name) || HasControls(value)) {
      throw Error(ErrorCode::kBadArgument,
                  "HTTP header \"" + WithoutControls(header.name) + "\" cannot be sent");
    }
    SecretString line(header.name);
    // An empty value has its own syntax: "name:" would take the header out, spaces or not.
    const bool is_empty = value.find_first_not_of(' ') == std::string_view::npos;
    line.append(is_empty ? ";" : ": ").append(is_empty ? std::string_view() : value);
    AddLine(line.c_str());
  }

  // Takes out a header that libcurl would send by itself.
  void Suppress(const std::string& name) { AddLine((name + ":").c_str()); }

  curl_slist* get() const { return list_; }

 private:
  void AddLine(const char* line) {
    curl_slist* list = curl_slist_append(list_, line);
    if (list == nullptr) throw std::bad_alloc();
    list_ = list;
  }

  curl_slist* list_ = nullptr;
};

}  // namespace neon_s3

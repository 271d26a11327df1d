#include "net/http_reception.h"

#include <gtest/gtest.h>

namespace neon_s3 {
namespace {

TEST(HttpReception, KeepsTheHeadersOfTheLastHead) {
  HttpReception reception;
  for (const char* line :
       {"HTTP/1.1 103 Early Hints\r\n", "etag: old\r\n", "\r\n", "HTTP/1.1 200 OK: fine\r\n",
        "ETag:  new \r\n", "no header\r\n", "\r\n"}) {
    reception.AddHeaderLine(line);
  }
  ASSERT_EQ(reception.response.headers.size(), 1u);  // a status line is none
  EXPECT_EQ(reception.response.headers[0].name, "ETag");
  EXPECT_EQ(std::string_view(reception.response.headers[0].value), "new");
}

}  // namespace
}  // namespace neon_s3

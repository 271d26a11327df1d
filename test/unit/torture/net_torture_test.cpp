// The entry points of src/net without memory, against servers of the test's own.
#include "fake_aws.h"
#include "net/batch_delete.h"
#include "net/bucket_listing.h"
#include "net/credential_chain.h"
#include "net/host_patterns.h"
#include "net/http_client.h"
#include "net/http_proxy.h"
#include "net/multipart.h"
#include "net/object_copy.h"
#include "net/ranged_read.h"
#include "net/streamed_upload.h"
#include "s3_client_fixture.h"
#include "torture.h"

namespace neon_s3::test {
namespace {

using namespace std::string_literals;

template <typename Body>
void TortureSlowly(const Body& body) {
  Torture(body, true);
}

HttpLimits Limits() {
  HttpLimits limits;
  limits.deadline = MonotonicNow() + 30s;
  limits.max_body_size = 1000000;
  limits.keep_connection = true;
  return limits;
}

std::string Show(const HttpResponse& response) {
  std::string text = std::to_string(response.status) + response.body;
  for (const HttpHeader& header : response.headers) text.append(header.name).append(header.value);
  return text;
}

TEST(NetTorture, TextsOfSettings) {
  for (const char* url :
       {"https://s3.example.com:9000/a/path/", "http://[::1]", "no URL at all, by any means"}) {
    Torture([&] { return ParseEndpointUrl(url).url(); });
    Torture([&] { return ParseHttpProxy(url).Quoted(); });
    Torture([&] { return ShownHttpProxy(url); });
  }
  Torture([] {
    return ParseHttpProxy("http://user:a%20long%20password@proxy.example.com:3128").Quoted();
  });
  Torture([] {
    return std::to_string(HostPatterns("a.example.com, *.example.org").Allows("b.example.org"));
  });
  Torture([] { return std::to_string(HostPatterns("a.example.com, *").Allows("b.example.org")); });
  Torture([] { return std::to_string(ParseProviders("static, environment, profile").size()); });
  Torture([] { return std::to_string(ParseProviders("static, somebody else entirely").size()); });
}

TEST(NetTorture, HttpClient) {
  HttpServer server(Always(ServedReply::Kept(200, std::string(100000, 'x'),
                                             "ETag: \"an etag that is long enough\"\r\n")));
  const HttpRequest request{"PUT",
                            server.url() + "/a/path?x=y",
                            {{"content-type", "text/plain; charset=utf-8"}},
                            "a body"};
  TortureSlowly([&] { return Show(HttpClient().Perform(request, Limits())); });
  HttpClient kept;
  TortureSlowly([&] { return Show(kept.Perform(request, Limits())); });
}

TEST(NetTorture, HttpClientThatFails) {
  const SilentPort closed(SilentPort::kClosed);
  HttpClient kept;
  TortureSlowly([&] { return Show(kept.Perform({"GET", closed.url() + "/", {}, {}}, Limits())); });
  HttpServer nonsense(Always({"nonsense, and nothing else\r\n\r\n"}));
  TortureSlowly([&] {
    return Show(kept.Perform({"GET", nonsense.url() + "/", {}, {}}, Limits()));
  });
}

// With no waits between attempts, and none that are left out.
class S3Torture : public S3ClientTest {
 protected:
  S3Torture() { limits_.request_timeout = 30s; }

  // The same with a client of its own, and with one that is kept.
  template <typename Body>
  void TortureClients(const Body& body) {
    TortureSlowly([&] {
      S3Client fresh({[] { return kNow; }, [] { return 0.0; }});
      fresh.Begin(service_, limits_);
      return body(fresh);
    });
    TortureSlowly([&] {
      client_.Begin(service_, limits_);
      return body(client_);
    });
  }
};

TEST_F(S3Torture, Call) {
  TortureClients([](S3Client& s3) { return Show(s3.Call(GetObject("bucket", "key"))); });
  const std::string body(200000, 'x');
  TortureClients(
      [&](S3Client& s3) { return Show(s3.Call(PutObject("bucket", "key", body, {}, true))); });
}

TEST_F(S3Torture, ErrorReply) {
  server_.Handle(Always(ServedReply::Kept(404, ErrorDocument("NoSuchKeyAnywhereInThisBucket"))));
  TortureClients([](S3Client& s3) { return Show(s3.Call(GetObject("bucket", "key"))); });
}

TEST_F(S3Torture, Several) {
  TortureClients([](S3Client& s3) {
    for (std::size_t id = 0; id < 3; ++id) s3.Submit(id, GetObject("bucket", "key"));
    int count = 0;
    for (; s3.busy(); ++count) s3.Next();
    return std::to_string(count);
  });
}

TEST_F(S3Torture, CopyInParts) {
  server_.Handle([](const ServedRequest& request) {
    if (request.method == "HEAD")
      return ServedReply{"HTTP/1.1 200 OK\r\ncontent-length: 30\r\netag: \"e1\"\r\n\r\n"};
    if (request.method == "DELETE") return ServedReply::Kept(204, "");
    if (request.target.find("uploads") != std::string::npos) {
      return ServedReply::Kept(200,
                               "<InitiateMultipartUploadResult><UploadId>an "
                               "upload</UploadId></InitiateMultipartUploadResult>");
    }
    if (request.method == "POST") {
      return ServedReply::Kept(
          200,
          "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>");
    }
    return ServedReply::Kept(200, "<CopyPartResult><ETag>\"a part of it\"</ETag></CopyPartResult>");
  });
  TortureClients([](S3Client& s3) {
    ObjectCopy copy({"from", "a key", "", "to", "a key"}, CallerHeaders(kCopyRequests), {10, 10});
    return copy.Perform(s3, [](int, int) {}).etag;
  });
}

TEST_F(S3Torture, Streams) {
  const std::string object(3000, 'x');
  server_.Handle([&](const ServedRequest& request) {
    if (request.method == "PUT") return ServedReply::Kept(200, "", "ETag: \"whole\"\r\n");
    return ServedReply::Kept(206, object, "ETag: \"e\"\r\nContent-Range: bytes 0-2999/3000\r\n");
  });
  TortureClients([&](S3Client& s3) {
    StreamedUpload upload;
    upload.Begin("bucket", "key", "text/csv");
    for (int i = 0; i < 3; ++i) upload.Add(s3, std::string_view(object).substr(0, 1000));
    return upload.Finish(s3).etag;
  });
  TortureClients([](S3Client& s3) {
    RangedRead read;
    read.Begin(s3, "bucket", "key", 1000000);
    std::string all;
    for (std::string_view next; !(next = read.Peek(s3)).empty();) {
      all.append(next);
      read.Consume(next.size());
    }
    return all;
  });
}

TEST_F(S3Torture, ListsAndDeletes) {
  server_.Handle([](const ServedRequest& request) {
    if (request.method == "POST") {
      return ServedReply::Kept(
          200,
          "<DeleteResult><Deleted><Key>a key that is long enough</Key></Deleted></DeleteResult>");
    }
    if (request.target.find("uploads") != std::string::npos) {
      return ServedReply::Kept(200,
                               "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></"
                               "ListMultipartUploadsResult>");
    }
    return ServedReply::Kept(200,
                             "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a "
                             "key that is long enough</Key>"
                             "<Size>1</Size><ETag>e</ETag></Contents></ListBucketResult>");
  });
  TortureClients([](S3Client& s3) {
    BucketListing listing;
    ListBucket(s3, "bucket", &listing);
    return listing.objects.at(0).key;
  });
  TortureClients([](S3Client& s3) {
    const std::string_view key = "a key that is long enough";
    BatchDelete batch;
    std::string text;
    for (batch.Plan("bucket", &key, 1); !batch.done(); batch.Pop()) {
      batch.Advance(s3);
      text += batch.deleted().at(0).key;
    }
    return text;
  });
}

TEST_F(S3Torture, CompleteUpload) {
  server_.Handle(Always(ServedReply::Kept(
      200, "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>")));
  TortureClients([](S3Client& s3) {
    return CompleteUpload(s3, "bucket", "key", "upload", {{1, "an etag"}}, true).etag;
  });
}

class ChainTorture : public CredentialChainTest {
 protected:
  void TortureProviders(const char* providers) {
    request_.providers = providers;
    const auto resolve = [&](CredentialChain& chain) {
      const auto found = chain.Resolve(request_, kNow, nullptr);
      return found ? std::string(found->credentials.access_key_id) : "none";
    };
    TortureSlowly([&] {
      CredentialChain fresh(TestClock);
      return resolve(fresh);
    });
    TortureSlowly([&] { return resolve(chain_); });
  }
};

TEST_F(ChainTorture, Networks) {
  TortureProviders("instance");
  UseContainer();
  TortureProviders("container");
  UseWebIdentity();
  TortureProviders("web_identity");
  UseRole();
  TortureProviders("static, assume_role");
}

TEST_F(ChainTorture, FilesAndEnvironment) {
  request_.credentials_file = "/nowhere/to/be/found/credentials";
  TortureProviders("profile");
  const std::string file = directory_.Write(
      "credentials",
      "[default]\naws_access_key_id = AKIDEXAMPLEAKIDEXAMPLE\naws_secret_access_key = a secret\n");
  request_.credentials_file = file;
  TortureProviders("profile");
  environment_.Set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLEAKIDEXAMPLE");
  TortureProviders("environment");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "a secret that is long enough");
  TortureProviders("environment, profile");
  TortureSlowly([&] { return chain_.Configuration(request_).region.text; });
}

}  // namespace
}  // namespace neon_s3::test

// Goal: heads of HTTP requests are judged as soon as they can be and never later than their bound; answers
// are well formed. Method: text in, verdict out; each good head also byte by byte.
#include "coordinator/http_head.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace whim::coordinator {
namespace {

TEST(HttpHead, IsWholeAtItsEmptyLineAndNoByteBefore) {
    for (const std::string& text :
         {std::string("GET /state?a=b HTTP/1.1\r\nHost: x\r\nA: GET / HTTP/1.1\r\n\r\n"),
          std::string("GET /state HTTP/1.0\n\n"), std::string("HEAD /state HTTP/1.1\r\n\r\n")}) {
        for (size_t bytes = 0; bytes < text.size(); ++bytes) {
            EXPECT_EQ(read_http_head(text.substr(0, bytes)).status, 0) << bytes << " of " << text;
        }
        const HttpHead head = read_http_head(text);
        EXPECT_EQ(head.status, 200) << text;
        EXPECT_EQ(head.path, "/state");
        EXPECT_EQ(head.wants_body, text[0] == 'G');
    }
}

TEST(HttpHead, RefusesWhatIsNoRequest) {
    const std::pair<std::string, int> cases[] = {
        {"\r\n", 400},
        {"GET\r\n", 400},
        {"GET /\r\n", 400},
        {" / HTTP/1.1\r\n", 400},
        {"GET / HTTP/2.0\r\n", 400},
        {"GET / HTTP/1.10\r\n", 400},
        {"GET state HTTP/1.1\r\n", 400},
        {"GET /a b HTTP/1.1\r\n", 400},
        {"GET http://host/state HTTP/1.1\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\n", 400},
        {"GET /\xff HTTP/1.1\r\n", 400},
        {std::string("GET /\0 HTTP/1.1\r\n", 18), 400},
        {"POST / HTTP/1.1\r\n", 405},
        {"get / HTTP/1.1\r\n", 405},
        {"\x16\x03\x01\x02\n", 400},  // TLS
    };
    for (const auto& [text, status] : cases) EXPECT_EQ(read_http_head(text).status, status) << text;
}

TEST(HttpHead, IsBounded) {
    const std::string start = "GET / HTTP/1.1\r\nA: ";
    const std::string longest = start + std::string(limits::kHttpHeadBytesMax - start.size() - 4, 'a');
    EXPECT_EQ(read_http_head(longest + "\r\n\r\n").status, 200);
    EXPECT_EQ(read_http_head(longest + "aaa").status, 0);
    EXPECT_EQ(read_http_head(longest + "aaaa").status, 431);
    EXPECT_EQ(read_http_head(std::string(limits::kHttpHeadBytesMax, 'G')).status, 431) << "no line at all";
}

TEST(HttpResponse, SaysItsLengthAlsoWithoutABody) {
    HttpHead head;
    const std::string whole = http_response(head, 200, "text/plain", "hello\n");
    EXPECT_TRUE(whole.starts_with("HTTP/1.1 200 OK\r\n")) << whole;
    EXPECT_NE(whole.find("Content-Length: 6\r\n"), std::string::npos);
    EXPECT_NE(whole.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(whole.ends_with("\r\n\r\nhello\n"));
    head.wants_body = false;
    EXPECT_EQ(http_response(head, 200, "text/plain", "hello\n") + "hello\n", whole);
    EXPECT_NE(http_response(head, 405, "text/plain", "").find("Allow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace whim::coordinator

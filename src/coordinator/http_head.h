// The head of an HTTP/1.1 request and the response to it, as far as a few read-only pages need them. Bytes
// in, a verdict out; no sockets.
#pragma once

#include <string>
#include <string_view>

namespace whim::coordinator {

struct HttpHead {
    int status = 0;          // 0: more must come; 200: whole and well formed; else what it is refused with
    bool wants_body = true;  // false: HEAD
    std::string path;        // of a whole one, without the query
};

// `received`: everything since the connection began. Asked again whenever more has come.
HttpHead read_http_head(std::string_view received);

std::string http_response(const HttpHead& head, int status, std::string_view type, std::string_view body);

}  // namespace whim::coordinator

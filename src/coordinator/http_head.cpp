// Reading heads strictly where it matters (size, first line) and not at all where it does not (fields,
// bodies).
#include "coordinator/http_head.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"

namespace whim::coordinator {
namespace {

HttpHead refused(int status) {
    HttpHead head;
    head.status = status;
    return head;
}

bool has_end(std::string_view received) {
    return received.find("\r\n\r\n") != std::string_view::npos ||
           received.find("\n\n") != std::string_view::npos;
}

// METHOD SP TARGET SP VERSION, of visible characters only.
HttpHead read_request_line(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    const auto visible = [](char c) { return c >= 0x20 && c < 0x7f; };
    if (first == 0 || first == last || !std::all_of(line.begin(), line.end(), visible)) return refused(400);
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (version.size() != 8 || !version.starts_with("HTTP/1.")) return refused(400);
    if (!target.starts_with('/') || target.find(' ') != std::string_view::npos) return refused(400);
    if (method != "GET" && method != "HEAD") return refused(405);
    return {200, method == "GET", std::string(target.substr(0, target.find('?')))};
}

const char* reason_phrase(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        default: return "Internal Server Error";
    }
}

}  // namespace

HttpHead read_http_head(std::string_view received) {
    const size_t line_end = received.find('\n');
    if (line_end != std::string_view::npos) {
        std::string_view line = received.substr(0, line_end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        HttpHead head = read_request_line(line);
        // What cannot become a request is refused before the rest of it has come.
        if (head.status != 200 || has_end(received)) return head;
    }
    return received.size() < limits::kHttpHeadBytesMax ? HttpHead() : refused(431);
}

std::string http_response(const HttpHead& head, int status, std::string_view type, std::string_view body) {
    std::string out = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", status,
                                  reason_phrase(status), type, body.size());
    if (status == 405) out += "Allow: GET, HEAD\r\n";
    out += "Cache-Control: no-store\r\nConnection: close\r\n\r\n";
    if (head.wants_body) out += body;
    return out;
}

}  // namespace whim::coordinator

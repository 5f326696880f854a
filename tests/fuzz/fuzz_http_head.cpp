// Heads of requests to the coordinator's pages: the same verdict whether the bytes come at once or in pieces,
// a path only of a whole request, and no wait beyond the longest head. First byte: the size of a piece.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"
#include "coordinator/http_head.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace whim;
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    const size_t piece = 1 + data[0] % 64u;
    coordinator::HttpHead head;
    for (size_t end = 0; head.status == 0 && end < text.size();) {
        end = std::min(end + piece, text.size());
        head = coordinator::read_http_head(text.substr(0, end));
    }
    const coordinator::HttpHead whole = coordinator::read_http_head(text);
    if (text.size() < limits::kHttpHeadBytesMax) {
        WHIM_ASSERT(head.status == whole.status && head.path == whole.path);
    } else {
        WHIM_ASSERT(head.status != 0 && whole.status != 0);
    }
    WHIM_ASSERT(head.status == 200 ? head.path.starts_with('/') : head.path.empty());
    const std::string reply = coordinator::http_response(head, head.status, "text/plain", "body");
    WHIM_ASSERT(reply.starts_with("HTTP/1.1 ") && reply.ends_with(head.wants_body ? "body" : "\r\n\r\n"));
    return 0;
}

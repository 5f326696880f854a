// Bodies of handshake and control frames: whatever decodes is encoded and decoded to the same again.
// First byte: which decoder.
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "base/limits.h"
#include "transport/session/frame.h"

namespace {

using namespace whim;

Bytes again(const Hello& hello) {
    Bytes out;
    put_hello(out, hello);
    return out;
}
Bytes again(const HelloReply& reply) {
    Bytes out;
    put_hello_reply(out, reply);
    return out;
}

template <class Decode> void check(ByteSpan body, Decode decode) {
    const auto first = decode(body);
    if (!first) return;
    const Bytes encoded = again(*first);
    WHIM_ASSERT(decode_prefix(encoded).ok());
    const auto second = decode(ByteSpan(encoded).subspan(kFramePrefixBytes));
    WHIM_ASSERT(second && again(*second) == encoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const ByteSpan body = std::as_bytes(std::span(data + 1, size - 1));
    switch (data[0] % 6) {
        case 0: check(body, decode_hello); break;
        case 1: check(body, decode_hello_reply); break;
        case 2: (void)decode_prefix(body).ok(); break;
        case 3: (void)decode_count(body); break;
        case 4: (void)decode_ping(body), (void)decode_pong(body); break;
        case 5: {
            const auto count = decode_strands_wanted(body);
            WHIM_ASSERT(!count || (*count >= 1 && *count < limits::kStrandsPerLinkMax));
            break;
        }
    }
    return 0;
}

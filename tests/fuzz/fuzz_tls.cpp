// The TLS channel fed with arbitrary bytes: before, in the middle of and after the handshake.
// First byte: bits 0-1 how much of a real handshake comes first, bit 2 which side, bits 3-7 the size of a
// piece.
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "transport/session/tls_channel.h"

namespace {

using namespace whim;

struct Ends {
    Ends() {
        KeySeed seed{};
        for (int i = 0; i < 2; ++i) {
            seed.fill(static_cast<uint8_t>(i + 1));
            factory[i] = std::move(TlsChannelFactory::create(Identity(seed)).value());
        }
    }
    std::unique_ptr<TlsChannelFactory> factory[2];
};

// Feeds bytes and reads what comes of them; false: the channel is broken.
bool feed(SecureChannel& channel, ByteSpan bytes) {
    if (!channel.feed(bytes)) return false;
    std::byte plain[512];
    while (channel.established()) {
        const Result<size_t> got = channel.read(plain);
        if (!got) return false;
        if (*got == 0) break;
    }
    return true;
}

void pass(SecureChannel& from, SecureChannel& to) {
    const ByteSpan front = from.to_network();
    const Bytes bytes(front.begin(), front.end());
    from.sent(bytes.size());
    WHIM_ASSERT(bytes.empty() || feed(to, bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Ends ends;
    if (size == 0) return 0;
    const auto dialer = ends.factory[0]->make(ChannelFactory::Side::dialer);
    const auto listener = ends.factory[1]->make(ChannelFactory::Side::listener);
    for (int flights = data[0] & 3; flights > 0; --flights) {
        pass(*dialer, *listener);
        if (flights > 1) pass(*listener, *dialer);
    }
    SecureChannel& target = data[0] & 4 ? *dialer : *listener;
    const size_t piece = 1 + (data[0] >> 3) * 40u;
    for (ByteSpan rest = std::as_bytes(std::span(data + 1, size - 1)); !rest.empty();) {
        const ByteSpan part = rest.first(std::min(piece, rest.size()));
        if (!feed(target, part)) break;
        rest = rest.subspan(part.size());
    }
    if (target.established()) (void)target.write(std::as_bytes(std::span("still there"))).ok();
    return 0;
}

// A byte stream cut into frames: the same frames come out whether it is fed in one piece or in small ones,
// and both ways end at the same error. First byte: the size of a piece.
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "base/prng.h"
#include "transport/session/frame_reader.h"

namespace {

using namespace whim;

// Digests what it is handed.
class Digest final : public FrameReader::Handler {
public:
    bool on_frame(FrameType type, ByteSpan body) override {
        add(static_cast<uint64_t>(type));
        add(body);
        return true;
    }
    std::optional<MutableByteSpan> on_bulk(ByteSpan header, uint32_t payload_bytes) override {
        add(header);
        sink_.assign(payload_bytes, {});
        return payload_bytes % 3 == 0 ? MutableByteSpan() : MutableByteSpan(sink_);
    }
    bool on_bulk_whole() override {
        add(sink_);
        return true;
    }
    uint64_t value = 0;

private:
    void add(uint64_t word) { value = mix64(value ^ word); }
    void add(ByteSpan bytes) {
        add(bytes.size());
        for (const std::byte byte : bytes) add(static_cast<uint64_t>(byte));
    }
    Bytes sink_;
};

struct Outcome {
    bool whole = true;
    uint64_t digest = 0;
    bool operator==(const Outcome&) const = default;
};

Outcome read(ByteSpan stream, size_t piece) {
    FrameReader reader;
    Digest digest;
    while (!stream.empty()) {
        const ByteSpan part = stream.first(std::min(piece, stream.size()));
        if (!reader.consume(part, digest)) return {false, digest.value};
        stream = stream.subspan(part.size());
    }
    return {true, digest.value};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const ByteSpan stream = std::as_bytes(std::span(data + 1, size - 1));
    WHIM_ASSERT(read(stream, stream.size()) == read(stream, 1 + data[0] % 32));
    return 0;
}

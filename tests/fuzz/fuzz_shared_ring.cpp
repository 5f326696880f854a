// Both ends of a shared ring against a process that writes whatever it likes into the memory: what is moved
// stays within the ring and the spans, what an honest writer wrote comes out in order, and a ring that was
// broken is given up, not followed.
//
// Input: operations of one byte, followed by what they take.
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"
#include "transport/asio/shared_ring.h"

namespace {

using namespace whim;

// The nth byte that an honest writer writes.
std::byte byte_of(uint64_t position) { return static_cast<std::byte>(position * 7 + position / 251); }

class Hostile {
public:
    Hostile(RingMemory& memory, ByteSpan script) : memory_(memory), script_(script) {
        memory_.written = memory_.read = 0;
        memory_.reader_sleeps_until = memory_.writer_sleeps_until = RingMemory::kAwake;
    }
    void run() {
        for (int steps = 0; !script_.done() && script_.remaining() > 0 && steps < 300; ++steps) step();
    }

private:
    void step() {
        switch (script_.u8() % 7) {
            case 0: write(script_.u16() * 5u); break;
            case 1: read(script_.u16() * 5u); break;
            case 2: (void)reader_.sleep_until(script_.u16() * 5u); break;
            case 3: (void)writer_.sleep_until_half_free(); break;
            case 4: set(memory_.written); break;
            case 5: set(memory_.read); break;
            case 6: set(script_.u8() & 1 ? memory_.reader_sleeps_until : memory_.writer_sleeps_until); break;
        }
    }
    void write(size_t count) {
        std::vector<std::byte> bytes(count);
        for (size_t i = 0; i < count; ++i) bytes[i] = byte_of(written_ + i);
        const auto moved = writer_.write(bytes);
        WHIM_ASSERT(!moved || moved->bytes <= count);
        if (moved) written_ += moved->bytes;
        WHIM_ASSERT(!honest_ || (moved && written_ - read_ <= RingMemory::kBytes));
    }
    void read(size_t count) {
        std::vector<std::byte> bytes(count);  // exactly, so that a byte too many is seen
        const auto moved = reader_.read(bytes);
        WHIM_ASSERT(!moved || moved->bytes <= count);
        if (!honest_) return;
        WHIM_ASSERT(moved && moved->bytes == std::min<uint64_t>(count, written_ - read_));
        for (size_t i = 0; i < moved->bytes; ++i) WHIM_ASSERT(bytes[i] == byte_of(read_ + i));
        read_ += moved->bytes;
    }
    // Another number, near the old one or anything.
    void set(std::atomic<uint64_t>& word) {
        honest_ = false;
        const uint8_t how = script_.u8();
        if (how & 1) word = script_.u64();
        else word = word + (how & 2 ? script_.u16() * uint64_t{5} : -(script_.u16() * uint64_t{5}));
    }

    RingMemory& memory_;
    ByteReader script_;
    RingReader reader_{memory_};
    RingWriter writer_{memory_};
    bool honest_ = true;  // so far, the words are those that the two ends wrote
    uint64_t written_ = 0, read_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto memory = std::make_unique<RingMemory>();
    Hostile(*memory, std::as_bytes(std::span(data, size))).run();
    return 0;
}

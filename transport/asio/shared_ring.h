// One direction of a byte stream through memory that two processes share, and the two ends of it.
//
// Positions only grow; a side that has nothing to do leaves the position that is worth waking it for, and the
// other side says when it has passed that. Whatever the other process writes here is read once and checked
// against what this side knows by itself: the worst it can do is to break the stream. Bytes are copied out
// before anybody looks at them.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "base/limits.h"

namespace whim {

struct RingMemory {
    static constexpr uint64_t kAwake = std::numeric_limits<uint64_t>::max();
    static constexpr size_t kBytes = limits::kSameHostRingBytes;

    alignas(64) std::atomic<uint64_t> written{0};
    std::atomic<uint64_t> reader_sleeps_until{kAwake};  // written
    alignas(64) std::atomic<uint64_t> read{0};
    std::atomic<uint64_t> writer_sleeps_until{kAwake};  // read
    alignas(4096) std::byte bytes[kBytes];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

class RingReader {
public:
    explicit RingReader(RingMemory& memory) : memory_(memory) {}

    // Moves what is there, up to into.size(); nullopt: the other side broke the ring. wake: it waits for the
    // room.
    struct Moved {
        size_t bytes = 0;
        bool wake = false;
    };
    std::optional<Moved> read(MutableByteSpan into);

    // Asks to be woken from `worth` bytes on, or when the ring is half full. False: no need to, they are
    // there.
    bool sleep_until(size_t worth);

private:
    RingMemory& memory_;
    uint64_t read_ = 0;
};

class RingWriter {
public:
    explicit RingWriter(RingMemory& memory) : memory_(memory) {}

    // Moves what there is room for; nullopt: the other side broke the ring. wake: it waits for these bytes.
    using Moved = RingReader::Moved;
    std::optional<Moved> write(ByteSpan from);

    // Asks to be woken when half of the ring is free. False: no need to, it is.
    bool sleep_until_half_free();

private:
    RingMemory& memory_;
    uint64_t written_ = 0;
};

}  // namespace whim

// Sleeping is Dekker's pattern: each side stores its own word, then looks at the other's, all sequentially
// consistent.
#include "transport/asio/shared_ring.h"

#include <algorithm>
#include <cstring>

namespace whim {
namespace {

// Whether the other side sleeps and has been passed; it is awake from then on.
bool must_wake(std::atomic<uint64_t>& sleeps_until, uint64_t position) {
    if (sleeps_until.load() > position) return false;
    return sleeps_until.exchange(RingMemory::kAwake) != RingMemory::kAwake;
}

// Calls move(offset in the ring, offset in the span, count) for each piece without a seam.
template <class Move> void in_pieces(uint64_t position, size_t count, Move move) {
    const size_t at = position % RingMemory::kBytes;
    const size_t first = std::min(count, RingMemory::kBytes - at);
    if (first > 0) move(at, 0, first);
    if (count > first) move(0, first, count - first);
}

}  // namespace

std::optional<RingReader::Moved> RingReader::read(MutableByteSpan into) {
    const uint64_t there = memory_.written.load(std::memory_order_acquire) - read_;
    if (there > RingMemory::kBytes) return std::nullopt;
    const size_t count = std::min<size_t>(into.size(), there);
    if (count == 0) return Moved{};
    in_pieces(read_, count, [&](size_t at, size_t offset, size_t bytes) {
        std::memcpy(into.data() + offset, memory_.bytes + at, bytes);
    });
    read_ += count;
    memory_.read.store(read_);
    return Moved{count, must_wake(memory_.writer_sleeps_until, read_)};
}

bool RingReader::sleep_until(size_t worth) {
    const uint64_t goal = read_ + std::clamp<size_t>(worth, 1, RingMemory::kBytes / 2);
    memory_.reader_sleeps_until.store(goal);
    if (memory_.written.load() - read_ < goal - read_) return true;
    memory_.reader_sleeps_until.store(RingMemory::kAwake);
    return false;
}

std::optional<RingWriter::Moved> RingWriter::write(ByteSpan from) {
    const uint64_t unread = written_ - memory_.read.load(std::memory_order_acquire);
    if (unread > RingMemory::kBytes) return std::nullopt;
    const size_t count = std::min<size_t>(from.size(), RingMemory::kBytes - unread);
    if (count == 0) return Moved{};
    in_pieces(written_, count, [&](size_t at, size_t offset, size_t bytes) {
        std::memcpy(memory_.bytes + at, from.data() + offset, bytes);
    });
    written_ += count;
    memory_.written.store(written_);
    return Moved{count, must_wake(memory_.reader_sleeps_until, written_)};
}

bool RingWriter::sleep_until_half_free() {
    // Unread bytes past half of the ring have to go first; a broken count passes, and write() says so.
    const uint64_t goal = written_ > RingMemory::kBytes / 2 ? written_ - RingMemory::kBytes / 2 : 0;
    memory_.writer_sleeps_until.store(goal);
    if (memory_.read.load() < goal) return true;
    memory_.writer_sleeps_until.store(RingMemory::kAwake);
    return false;
}

}  // namespace whim

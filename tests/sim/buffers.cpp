// Guard patterns and garbage.
#include "tests/sim/buffers.h"

#include <algorithm>
#include <cstring>

#include "base/prng.h"

namespace whim::sim {
namespace {

constexpr std::byte kGuard{0xa5};

bool all_guard(ByteSpan bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == kGuard; });
}

}  // namespace

GuardedBuffer::GuardedBuffer(ByteSpan content)
    : size_(content.size()), memory_(content.size() + 2 * kGuardBytes, kGuard) {
    std::copy(content.begin(), content.end(), memory_.begin() + kGuardBytes);
}

bool GuardedBuffer::guards_intact() const {
    const ByteSpan all(memory_);
    return all_guard(all.first(kGuardBytes)) && all_guard(all.last(kGuardBytes));
}

void GuardedBuffer::scrap(uint64_t seed) {
    seed_ = seed;
    for (size_t at = 0; at < size_; at += sizeof(uint64_t)) {
        const uint64_t garbage = mix64(seed_ ^ at);
        std::memcpy(&memory_[kGuardBytes + at], &garbage, std::min(sizeof garbage, size_ - at));
    }
}

bool GuardedBuffer::intact() const {
    if (!guards_intact()) return false;
    for (size_t at = 0; at < size_; at += sizeof(uint64_t)) {
        const uint64_t garbage = mix64(seed_ ^ at);
        if (std::memcmp(&memory_[kGuardBytes + at], &garbage, std::min(sizeof garbage, size_ - at)) != 0)
            return false;
    }
    return true;
}

std::vector<MutableByteSpan> tensors_in(MutableByteSpan memory, const std::vector<uint64_t>& counts,
                                        size_t width) {
    std::vector<MutableByteSpan> tensors;
    for (const uint64_t count : counts) {
        tensors.push_back(memory.last(count * width));
        memory = memory.first(memory.size() - count * width);
    }
    return tensors;
}

Bytes backwards(ByteSpan run, const std::vector<uint64_t>& counts, size_t width) {
    Bytes memory(run.begin(), run.end());
    for (const MutableByteSpan tensor : tensors_in(memory, counts, width)) {
        std::copy_n(run.begin(), tensor.size(), tensor.begin());
        run = run.subspan(tensor.size());
    }
    return memory;
}

Bytes forwards(ByteSpan memory, const std::vector<uint64_t>& counts, size_t width) {
    Bytes copy(memory.begin(), memory.end()), run;
    if (counts.empty()) return copy;
    for (const MutableByteSpan tensor : tensors_in(copy, counts, width))
        run.insert(run.end(), tensor.begin(), tensor.end());
    return run;
}

}  // namespace whim::sim

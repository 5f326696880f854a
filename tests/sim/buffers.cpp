// Guard patterns and garbage.
#include "tests/sim/buffers.h"

#include <algorithm>

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

std::byte GuardedBuffer::garbage(size_t i) const {
    return static_cast<std::byte>(mix64(seed_ ^ (i / 8)) >> (8 * (i % 8)));
}

void GuardedBuffer::scrap(uint64_t seed) {
    seed_ = seed;
    for (size_t i = 0; i < size_; ++i) memory_[kGuardBytes + i] = garbage(i);
}

bool GuardedBuffer::intact() const {
    if (!guards_intact()) return false;
    for (size_t i = 0; i < size_; ++i) {
        if (memory_[kGuardBytes + i] != garbage(i)) return false;
    }
    return true;
}

}  // namespace whim::sim

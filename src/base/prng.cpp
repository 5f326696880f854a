// xoshiro256** and the integer distributions built on it.
#include "base/prng.h"

#include <bit>

#include "base/assert.h"

namespace whim {

Prng::Prng(uint64_t seed) {
    for (uint64_t& word : state_) {
        word = mix64(seed);
        seed += 0x9e3779b97f4a7c15ull;
    }
}

uint64_t Prng::next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

uint64_t Prng::below(uint64_t bound) {
    WHIM_ASSERT(bound > 0);
    const uint64_t limit = bound * (UINT64_MAX / bound);  // rejection keeps it unbiased
    uint64_t x = next();
    while (x >= limit) x = next();
    return x % bound;
}

int64_t Prng::between(int64_t low, int64_t high) {
    WHIM_ASSERT(low <= high);
    const uint64_t width = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
    const uint64_t offset = width == 0 ? next() : below(width);
    return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

bool Prng::chance(uint32_t numerator, uint32_t denominator) { return below(denominator) < numerator; }

float Prng::unit_float() { return static_cast<float>(next() >> 40) * 0x1p-24f; }

}  // namespace whim

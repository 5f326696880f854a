// The project's own pseudo-random numbers (xoshiro256**, Blackman and Vigna 2018; seeded by SplitMix64),
// so that a seed means the same everywhere. Not for secrets.
#pragma once

#include <cstdint>

namespace whim {

// One SplitMix64 step of x: also the project's integer mixing function.
constexpr uint64_t mix64(uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

class Prng {
public:
    explicit Prng(uint64_t seed);
    uint64_t next();
    uint64_t below(uint64_t bound);              // uniform in [0, bound); bound > 0
    int64_t between(int64_t low, int64_t high);  // uniform in [low, high]
    bool chance(uint32_t numerator, uint32_t denominator);
    float unit_float();  // uniform in [0, 1), 24 bits

private:
    uint64_t state_[4];
};

}  // namespace whim

// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): random numbers that are a function of a key and a place,
// so that what is rounded by them does not depend on how the work is cut. The scalar definition.
#pragma once

#include <array>
#include <cstdint>

namespace whim {

// Names the random numbers of one encoding. Element i takes word i mod 4 of the block whose counter is
// (i / 4, stream), 64 bits each, low word first, under the key seed. Peers use different streams, so that
// their errors are independent.
struct Dither {
    uint64_t seed = 0;
    uint64_t stream = 0;
};

using PhiloxBlock = std::array<uint32_t, 4>;

namespace philox {

inline constexpr uint32_t kMultiplier0 = 0xd2511f53u, kMultiplier1 = 0xcd9e8d57u;
inline constexpr uint32_t kKeyStep0 = 0x9e3779b9u, kKeyStep1 = 0xbb67ae85u;
inline constexpr int kRounds = 10;

}  // namespace philox

constexpr PhiloxBlock philox4x32(PhiloxBlock x, uint64_t seed) {
    using namespace philox;
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < kRounds; ++round) {
        const uint64_t p0 = uint64_t{kMultiplier0} * x[0];
        const uint64_t p1 = uint64_t{kMultiplier1} * x[2];
        x = {static_cast<uint32_t>(p1 >> 32) ^ x[1] ^ key0, static_cast<uint32_t>(p1),
             static_cast<uint32_t>(p0 >> 32) ^ x[3] ^ key1, static_cast<uint32_t>(p0)};
        key0 += kKeyStep0;
        key1 += kKeyStep1;
    }
    return x;
}

// The four words of elements 4 * group .. 4 * group + 3.
constexpr PhiloxBlock dither_words(const Dither& dither, uint64_t group) {
    return philox4x32({static_cast<uint32_t>(group), static_cast<uint32_t>(group >> 32),
                       static_cast<uint32_t>(dither.stream), static_cast<uint32_t>(dither.stream >> 32)},
                      dither.seed);
}

}  // namespace whim

// Philox as vector code, once per instruction set: the words of consecutive elements, as philox.h defines
// them.
#if defined(WHIM_KERNELS_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_PHILOX_INL_H_
#undef WHIM_KERNELS_PHILOX_INL_H_
#else
#define WHIM_KERNELS_PHILOX_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "collectives/kernels/philox.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kWordsAtOnce = 32;  // the most that one step makes

// Writes the words of elements first .. first + count - 1; first is a multiple of 4. words has room for count
// rounded up to kWordsAtOnce.
inline void dither_fill(const Dither& dither, uint64_t first, size_t count, uint32_t* words) {
#if HWY_TARGET == HWY_SCALAR
    for (size_t i = 0; i < count; i += 4) {
        const PhiloxBlock block = dither_words(dither, (first + i) / 4);
        for (size_t k = 0; k < 4; ++k) words[i + k] = block[k];
    }
#else
    // One counter in each 64-bit lane: a word in the low half, and in the high half what multiplication
    // ignores.
    const hn::CappedTag<uint64_t, kWordsAtOnce / 4> d;
    const hn::Repartition<uint32_t, decltype(d)> d32;
    const size_t groups = hn::Lanes(d);
    const auto multiply = [&](auto x, uint32_t by)
                              HWY_ATTR { return hn::MulEven(hn::BitCast(d32, x), hn::Set(d32, by)); };
    const auto low_half = hn::Set(d, 0xffffffffull);
    for (size_t i = 0; i < count; i += 4 * groups) {
        const auto group = hn::Iota(d, (first + i) / 4);
        auto x0 = group, x1 = hn::ShiftRight<32>(group);
        auto x2 = hn::Set(d, dither.stream), x3 = hn::Set(d, dither.stream >> 32);
        uint32_t key0 = static_cast<uint32_t>(dither.seed), key1 = static_cast<uint32_t>(dither.seed >> 32);
        for (int round = 0; round < philox::kRounds; ++round) {
            const auto p0 = multiply(x0, philox::kMultiplier0);
            const auto p1 = multiply(x2, philox::kMultiplier1);
            x0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), x1), hn::Set(d, uint64_t{key0}));
            x2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), x3), hn::Set(d, uint64_t{key1}));
            x1 = p1;
            x3 = p0;
            key0 += philox::kKeyStep0;
            key1 += philox::kKeyStep1;
        }
        const auto low = hn::Or(hn::And(x0, low_half), hn::ShiftLeft<32>(x1));
        const auto high = hn::Or(hn::And(x2, low_half), hn::ShiftLeft<32>(x3));
        hn::StoreInterleaved2(low, high, d, reinterpret_cast<uint64_t*>(words + i));
    }
#endif
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

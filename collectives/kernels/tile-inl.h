// What the block kernels share, once per instruction set: work goes in tiles that stay in the L1 cache,
// padded with zeros to whole vectors.
#if defined(WHIM_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_TILE_INL_H_
#undef WHIM_KERNELS_TILE_INL_H_
#else
#define WHIM_KERNELS_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "collectives/kernels/codes-inl.h"
#include "collectives/kernels/grid-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kTile = 1024;  // elements
inline constexpr size_t kPad = 16;     // no vector of floats here is longer
inline constexpr size_t kTileBlocks = kTile / kPad;

inline constexpr size_t padded(size_t count, size_t to) { return (count + to - 1) / to * to; }

// Elements of the largest run of whole blocks that fits a tile.
inline size_t group_elements(size_t block) { return kTile / block * block; }

// Short copies: of blocks of 16 elements there are many.
HWY_INLINE void copy_bytes(uint8_t* to, const uint8_t* from, size_t count) {
    if (count > 64) {
        std::memcpy(to, from, count);
        return;
    }
    for (; count >= 8; count -= 8, to += 8, from += 8) std::memcpy(to, from, 8);
    for (; count > 0; --count) *to++ = *from++;
}

HWY_INLINE VF load_floats(const float* from) { return hn::LoadU(DF(), from); }

// What becomes of a vector of decoded elements.
struct Put {
    HWY_INLINE VF operator()(VF x, const float*) const { return x; }
};

// Product and sum are separate operations: fused ones round once, and not every machine has them.
struct AddTo {
    float weight;
    HWY_INLINE VF operator()(VF x, const float* acc) const {
        return hn::Add(load_floats(acc), hn::Mul(x, hn::Set(DF(), weight)));
    }
};

// The values divided by divisor, padded with zeros: in staged, or where they are when nothing is to be done.
inline const float* prepared(const float* values, size_t count, float divisor, float* staged) {
    if (divisor == 1.0f && count % kPad == 0) return values;
    const size_t whole = count / kPad * kPad;
    const VF by = hn::Set(DF(), divisor);
    const auto divide = [&](const float* from, size_t n, float* to) HWY_ATTR {
        for (size_t i = 0; i < n; i += hn::Lanes(DF()))
            hn::StoreU(hn::Div(load_floats(from + i), by), DF(), to + i);
    };
    divide(values, whole, staged);
    if (whole == count) return staged;
    std::memcpy(staged + whole, values + whole, (count - whole) * sizeof(float));
    std::fill(staged + count, staged + whole + kPad, 0.0f);
    divide(staged + whole, kPad, staged + whole);
    return staged;
}

// count: a multiple of kPad here and below.
HWY_INLINE float largest_magnitude(const float* x, size_t count) {
    const size_t lanes = hn::Lanes(DF());
    VF most = hn::Zero(DF()), most_too = most;
    size_t i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        most = hn::Max(most, hn::Abs(load_floats(x + i)));
        most_too = hn::Max(most_too, hn::Abs(load_floats(x + i + lanes)));
    }
    for (; i < count; i += lanes) most = hn::Max(most, hn::Abs(load_floats(x + i)));
    return hn::GetLane(hn::MaxOfLanes(DF(), hn::Max(most, most_too)));
}

// Adds |x[i]| to sums[i mod 8]: the same order on every machine.
inline void add_magnitudes(const float* x, size_t count, double* sums) {
    const hn::CappedTag<double, 8> d64;
    const hn::Rebind<float, decltype(d64)> d32;
    const size_t lanes = hn::Lanes(d64);
    for (size_t i = 0; i < count; i += lanes) {
        const auto v = hn::PromoteTo(d64, hn::Abs(hn::LoadU(d32, x + i)));
        double* sum = sums + i % 8;
        hn::StoreU(hn::Add(hn::LoadU(d64, sum), v), d64, sum);
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Rounding to the grids of grid.h as vector code, once per instruction set. Each grid has nearest() and,
// where it can be chosen, stochastic(); both take an element divided by the scale and give its code in a
// 32-bit lane. Stochastic: the next number below, or the next above when the part between them is more than
// u, a uniform number in [0, 1) of the upper 24 bits of a random word (for floats with a mantissa, its upper
// bits are added below the last place, which is the same).
#if defined(WHIM_KERNELS_GRID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_GRID_INL_H_
#undef WHIM_KERNELS_GRID_INL_H_
#else
#define WHIM_KERNELS_GRID_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "collectives/kernels/grid.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;  // the smallest block is one vector at most
using DI = hn::RebindToSigned<DF>;
using DU = hn::RebindToUnsigned<DF>;
using D8 = hn::Rebind<uint8_t, DF>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;

HWY_INLINE VF unit_floats(VU words) {
    return hn::Mul(hn::ConvertTo(DF(), hn::BitCast(DI(), hn::ShiftRight<8>(words))), hn::Set(DF(), 0x1p-24f));
}

// Rounds down or up to a whole number, |y| < 2^24.
HWY_INLINE VI whole_stochastic(VF y, VU words) {
    const VF below = hn::Floor(y);
    const auto up = hn::RebindMask(DI(), hn::Gt(hn::Sub(y, below), unit_floats(words)));
    return hn::Add(hn::ConvertTo(DI(), below), hn::IfThenElseZero(up, hn::Set(DI(), 1)));
}

template <int kBits> struct IntGrid {
    static constexpr float kTop = static_cast<float>((1 << (kBits - 1)) - 1);
    static constexpr int32_t kMask = (1 << kBits) - 1;
    // |y| is past kTop by less than a rounding, if at all.
    static HWY_INLINE VI nearest(VF y) { return hn::And(hn::NearestInt(y), hn::Set(DI(), kMask)); }
    static HWY_INLINE VI stochastic(VF y, VU words) {
        const VF clamped = hn::Min(hn::Max(y, hn::Set(DF(), -kTop)), hn::Set(DF(), kTop));
        return hn::And(whole_stochastic(clamped, words), hn::Set(DI(), kMask));
    }
};

// Floats of kExponent exponent and kMantissa mantissa bits with subnormals, up to the largest code kTopCode.
template <int kExponent, int kMantissa, int kBias, int kTopCode> struct FloatGrid {
    static constexpr int kDrop = 23 - kMantissa;
    static constexpr uint32_t kRebias = static_cast<uint32_t>(127 - kBias) << 23;
    static constexpr uint32_t kLeastNormal = static_cast<uint32_t>(128 - kBias) << 23;
    static constexpr bool kHalfwayUp = kMantissa == 0;

    static constexpr float power_of_two(int exponent) {
        return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23);
    }

    static HWY_INLINE VI nearest(VF y) {
        const DU du;
        const VU bits = hn::BitCast(du, y);
        const VU magnitude = hn::And(bits, hn::Set(du, 0x7fffffffu));
        VU half = hn::Set(du, 1u << (kDrop - 1));
        const VF small =
            hn::Mul(hn::BitCast(DF(), magnitude), hn::Set(DF(), power_of_two(kBias - 1 + kMantissa)));
        VI small_code = hn::NearestInt(small);
        if constexpr (kHalfwayUp) {
            small_code = hn::IfThenElseZero(hn::RebindMask(DI(), hn::Ge(small, hn::Set(DF(), 0.5f))),
                                            hn::Set(DI(), 1));
        } else {
            const VU odd = hn::And(hn::ShiftRight<kDrop>(magnitude), hn::Set(du, 1u));
            half = hn::Add(hn::Set(du, (1u << (kDrop - 1)) - 1), odd);
        }
        return finished(bits, magnitude, half, small_code);
    }

    static HWY_INLINE VI stochastic(VF y, VU words) {
        const DU du;
        const VU bits = hn::BitCast(du, y);
        const VU magnitude = hn::And(bits, hn::Set(du, 0x7fffffffu));
        const VF small =
            hn::Mul(hn::BitCast(DF(), magnitude), hn::Set(DF(), power_of_two(kBias - 1 + kMantissa)));
        // Numbers above the subnormals are replaced: their conversion must only not overflow.
        const VF in_range = hn::Min(small, hn::Set(DF(), 65536.0f));
        return finished(bits, magnitude, hn::ShiftRight<32 - kDrop>(words),
                        whole_stochastic(in_range, words));
    }

private:
    // Codes of normal numbers are their upper bits, after what is added below the last place has carried.
    static HWY_INLINE VI finished(VU bits, VU magnitude, VU added, VI small_code) {
        const DU du;
        const DI di;
        const VU normal = hn::ShiftRight<kDrop>(hn::Sub(hn::Add(magnitude, added), hn::Set(du, kRebias)));
        const auto is_small =
            hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, static_cast<int32_t>(kLeastNormal)));
        const VI code = hn::IfThenElse(is_small, small_code, hn::BitCast(di, normal));
        const VU sign = hn::ShiftLeft<kExponent + kMantissa>(hn::ShiftRight<31>(bits));
        return hn::Or(hn::Min(code, hn::Set(di, kTopCode)), hn::BitCast(di, sign));
    }
};

using E4M3 = FloatGrid<4, 3, 7, 0x7e>;
using E5M2 = FloatGrid<5, 2, 15, 0x7b>;
using E2M1 = FloatGrid<2, 1, 1, 7>;
using E3M0 = FloatGrid<3, 0, 7, 7>;

// The number of an 8-bit float's code, which is in the low byte of each lane.
template <int kExponent, int kMantissa, int kBias> HWY_INLINE VF float_of(VU code) {
    const DU du;
    const DI di;
    const VU magnitude = hn::And(code, hn::Set(du, 0x7fu));
    const VU sign = hn::ShiftLeft<24>(hn::And(code, hn::Set(du, 0x80u)));
    const VU normal = hn::Add(hn::ShiftLeft<23 - kMantissa>(magnitude),
                              hn::Set(du, static_cast<uint32_t>(127 - kBias) << 23));
    const VF step = hn::Set(DF(), std::bit_cast<float>(static_cast<uint32_t>(128 - kBias - kMantissa) << 23));
    const VF small = hn::Mul(hn::ConvertTo(DF(), hn::BitCast(di, magnitude)), step);
    const auto is_small = hn::RebindMask(du, hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, 1 << kMantissa)));
    return hn::BitCast(DF(), hn::Or(hn::IfThenElse(is_small, hn::BitCast(du, small), normal), sign));
}

struct SignGrid {
    static HWY_INLINE VI nearest(VF y) {
        return hn::IfThenElseZero(hn::RebindMask(DI(), hn::Lt(y, hn::Zero(DF()))), hn::Set(DI(), 1));
    }
    static HWY_INLINE VI stochastic(VF y, VU) { return nearest(y); }
};

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// How vectors of each element type are loaded from unaligned bytes and stored back, once per instruction set.
// A format names its accumulator type; f16 and bf16 accumulate in f32. Loads are exact. Stores round once and
// turn every NaN into the canonical one, because machines differ in the payloads they propagate.
#if defined(WHIM_KERNELS_FORMATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_FORMATS_INL_H_
#undef WHIM_KERNELS_FORMATS_INL_H_
#else
#define WHIM_KERNELS_FORMATS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "collectives/kernels/half.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Memory is read and written as bytes, which have no alignment; a one-lane vector cannot change its lane
// type.
template <class D> HWY_INLINE hn::Vec<D> load_bytes(D d, const std::byte* from) {
#if HWY_TARGET == HWY_SCALAR
    hn::TFromD<D> lane;
    std::memcpy(&lane, from, sizeof lane);
    return hn::Set(d, lane);
#else
    const hn::Repartition<uint8_t, D> d8;
    return hn::BitCast(d, hn::LoadU(d8, reinterpret_cast<const uint8_t*>(from)));
#endif
}

template <class D> HWY_INLINE void store_bytes(D, hn::Vec<D> v, std::byte* to) {
#if HWY_TARGET == HWY_SCALAR
    const hn::TFromD<D> lane = hn::GetLane(v);
    std::memcpy(to, &lane, sizeof lane);
#else
    const hn::Repartition<uint8_t, D> d8;
    hn::StoreU(hn::BitCast(d8, v), d8, reinterpret_cast<uint8_t*>(to));
#endif
}

// Integers, and any element that is only moved.
template <class T> struct Plain {
    using Acc = T;
    static constexpr size_t kBytes = sizeof(T);
    template <class D> static HWY_INLINE hn::Vec<D> load(D d, const std::byte* from) {
        return load_bytes(d, from);
    }
    template <class D> static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* to) {
        store_bytes(d, v, to);
    }
};

struct F32 : Plain<float> {
    template <class D> static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* to) {
        const hn::Vec<D> nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<D>(), kNanF32));
        store_bytes(d, hn::IfThenElse(hn::IsNaN(v), nan, v), to);
    }
};

struct F64 : Plain<double> {
    template <class D> static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* to) {
        const hn::Vec<D> nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<D>(), kNanF64));
        store_bytes(d, hn::IfThenElse(hn::IsNaN(v), nan, v), to);
    }
};

// The halves live in the low 16 bits of each 32-bit lane while they are converted.
template <class D> HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> load_halves(D, const std::byte* from) {
    const hn::Rebind<uint16_t, D> d16;
    return hn::PromoteTo(hn::RebindToUnsigned<D>(), load_bytes(d16, from));
}

template <class D> HWY_INLINE void store_halves(D, hn::Vec<hn::RebindToUnsigned<D>> v, std::byte* to) {
    const hn::Rebind<uint16_t, D> d16;
    store_bytes(d16, hn::DemoteTo(d16, hn::BitCast(hn::RebindToSigned<D>(), v)), to);
}

struct Bf16 {
    using Acc = float;
    static constexpr size_t kBytes = 2;
    template <class D> static HWY_INLINE hn::Vec<D> load(D d, const std::byte* from) {
        return hn::BitCast(d, hn::ShiftLeft<16>(load_halves(d, from)));
    }
    template <class D> static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* to) {
        const hn::RebindToUnsigned<D> du;
        const auto bits = hn::BitCast(du, v);
        const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
        const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(du, 0x7fffu)), odd));
        const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
        store_halves(d, hn::IfThenElse(is_nan, hn::Set(du, uint32_t{kNanBf16}), rounded), to);
    }
};

struct F16 {
    using Acc = float;
    static constexpr size_t kBytes = 2;
    template <class D> static HWY_INLINE hn::Vec<D> load(D d, const std::byte* from) {
        const hn::RebindToUnsigned<D> du;
        const hn::RebindToSigned<D> di;
        const auto half = load_halves(d, from);
        const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000u)));
        const auto magnitude = hn::And(half, hn::Set(du, 0x7fffu));
        const auto rebias = hn::Set(du, 112u << 23);
        const auto normal = hn::Add(hn::ShiftLeft<13>(magnitude), rebias);
        const auto special = hn::Add(normal, rebias);  // infinity and NaN: exponent 31 becomes 255
        const auto scaled =
            hn::Mul(hn::ConvertTo(d, hn::BitCast(di, magnitude)), hn::Set(d, 0x1p-24f));  // exact
        const auto is_special = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, 0x7bff));
        const auto is_subnormal = hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, 0x0400));
        const auto large = hn::IfThenElse(hn::RebindMask(du, is_special), special, normal);
        const auto value = hn::IfThenElse(hn::RebindMask(du, is_subnormal), hn::BitCast(du, scaled), large);
        return hn::BitCast(d, hn::Or(value, sign));
    }
    template <class D> static HWY_INLINE void store(D d, hn::Vec<D> v, std::byte* to) {
        const hn::RebindToUnsigned<D> du;
        const hn::RebindToSigned<D> di;
        const auto bits = hn::BitCast(du, v);
        const auto sign = hn::And(bits, hn::Set(du, 0x80000000u));
        const auto magnitude = hn::Xor(bits, sign);
        const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(du, 1u));
        const auto biased = hn::Add(hn::Add(magnitude, hn::Set(du, 0xfffu - (112u << 23))), odd);
        const auto normal = hn::Min(hn::ShiftRight<13>(biased), hn::Set(du, 0x7c00u));  // too large: infinity
        // The last place of numbers in [0.5, 1) is 2^-24, that of f16 subnormals: the addition does the
        // rounding.
        const auto half = hn::Set(d, 0.5f);
        const auto small =
            hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, magnitude), half)), hn::BitCast(du, half));
        const auto is_small = hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, 0x38800000));
        const auto rounded = hn::IfThenElse(hn::RebindMask(du, is_small), small, normal);
        const auto signed_half = hn::Or(rounded, hn::ShiftRight<16>(sign));
        const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
        store_halves(d, hn::IfThenElse(is_nan, hn::Set(du, uint32_t{kNanF16}), signed_half), to);
    }
};

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Codes of 8, 4, 2 or 1 bits: from one a byte to packed bytes and back, once per instruction set. The first
// code is in the lowest bits of a byte. Counts are multiples of kCodesAtOnce here; callers pad with zeros.
#if defined(WHIM_KERNELS_CODES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_CODES_INL_H_
#undef WHIM_KERNELS_CODES_INL_H_
#else
#define WHIM_KERNELS_CODES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kCodesAtOnce = 64;

// Packs count codes, each below 2^kBits, into count * kBits / 8 bytes.
template <int kBits> HWY_INLINE void pack_codes(const uint8_t* codes, size_t count, uint8_t* out) {
    constexpr size_t kPerByte = 8 / kBits;
    if constexpr (kBits == 8) {
        std::memcpy(out, codes, count);
        return;
    }
    size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    if constexpr (kBits == 4) {
        const hn::CappedTag<uint16_t, 32> d16;
        const hn::Rebind<uint8_t, decltype(d16)> half;
        const hn::Repartition<int16_t, decltype(d16)> i16;
        const size_t step = 2 * hn::Lanes(d16);
        for (; i + step <= count; i += step) {
            const auto pairs =
                hn::BitCast(d16, hn::LoadU(hn::Repartition<uint8_t, decltype(d16)>(), codes + i));
            const auto packed =
                hn::And(hn::Or(pairs, hn::ShiftRight<4>(pairs)), hn::Set(d16, uint16_t{0xff}));
            hn::StoreU(hn::DemoteTo(half, hn::BitCast(i16, packed)), half, out + i / 2);
        }
    } else if constexpr (kBits == 2) {
        const hn::CappedTag<uint32_t, 16> d32;
        const hn::Rebind<uint8_t, decltype(d32)> quarter;
        const hn::Repartition<int32_t, decltype(d32)> i32;
        const size_t step = 4 * hn::Lanes(d32);
        for (; i + step <= count; i += step) {
            const auto v = hn::BitCast(d32, hn::LoadU(hn::Repartition<uint8_t, decltype(d32)>(), codes + i));
            const auto low =
                hn::Or(hn::Or(v, hn::ShiftRight<6>(v)), hn::Or(hn::ShiftRight<12>(v), hn::ShiftRight<18>(v)));
            const auto packed = hn::And(low, hn::Set(d32, 0xffu));
            hn::StoreU(hn::DemoteTo(quarter, hn::BitCast(i32, packed)), quarter, out + i / 4);
        }
    } else {
        const hn::CappedTag<uint8_t, 64> d8;
        for (; i + hn::Lanes(d8) <= count; i += hn::Lanes(d8)) {
            hn::StoreMaskBits(d8, hn::Ne(hn::LoadU(d8, codes + i), hn::Zero(d8)), out + i / 8);
        }
    }
#endif
    for (; i < count; i += kPerByte) {
        unsigned byte = 0;
        for (size_t k = 0; k < kPerByte; ++k) byte |= static_cast<unsigned>(codes[i + k]) << (k * kBits);
        out[i / kPerByte] = static_cast<uint8_t>(byte);
    }
}

// The reverse.
template <int kBits> HWY_INLINE void unpack_codes(const uint8_t* in, size_t count, uint8_t* codes) {
    constexpr size_t kPerByte = 8 / kBits;
    if constexpr (kBits == 8) {
        std::memcpy(codes, in, count);
        return;
    }
    size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    if constexpr (kBits == 4) {
        const hn::CappedTag<uint16_t, 32> d16;
        const hn::Rebind<uint8_t, decltype(d16)> half;
        const hn::Repartition<uint8_t, decltype(d16)> d8;
        const size_t step = 2 * hn::Lanes(d16);
        for (; i + step <= count; i += step) {
            const auto v = hn::PromoteTo(d16, hn::LoadU(half, in + i / 2));
            const auto apart = hn::And(hn::Or(v, hn::ShiftLeft<4>(v)), hn::Set(d16, uint16_t{0x0f0f}));
            hn::StoreU(hn::BitCast(d8, apart), d8, codes + i);
        }
    } else if constexpr (kBits == 2) {
        const hn::CappedTag<uint32_t, 16> d32;
        const hn::Rebind<uint8_t, decltype(d32)> quarter;
        const hn::Repartition<uint8_t, decltype(d32)> d8;
        const size_t step = 4 * hn::Lanes(d32);
        for (; i + step <= count; i += step) {
            const auto v = hn::PromoteTo(d32, hn::LoadU(quarter, in + i / 4));
            const auto apart =
                hn::Or(hn::Or(v, hn::ShiftLeft<6>(v)), hn::Or(hn::ShiftLeft<12>(v), hn::ShiftLeft<18>(v)));
            hn::StoreU(hn::BitCast(d8, hn::And(apart, hn::Set(d32, 0x03030303u))), d8, codes + i);
        }
    } else {
        const hn::CappedTag<uint8_t, 64> d8;
        const auto one = hn::Set(d8, uint8_t{1});
        uint8_t bits[8];  // LoadMaskBits may read a whole word
        for (; i + hn::Lanes(d8) <= count; i += hn::Lanes(d8)) {
            std::memcpy(bits, in + i / 8, hn::Lanes(d8) / 8);
            hn::StoreU(hn::IfThenElseZero(hn::LoadMaskBits(d8, bits), one), d8, codes + i);
        }
    }
#endif
    for (; i < count; i += kPerByte) {
        for (size_t k = 0; k < kPerByte; ++k) {
            codes[i + k] = static_cast<uint8_t>(in[i / kPerByte] >> (k * kBits)) & ((1u << kBits) - 1);
        }
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

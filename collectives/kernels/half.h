// Scalar conversions between f32 and the two 16-bit floats, with integers only, so that every machine gives
// the same bits. They are the reference for the vector conversions in formats-inl.h.
//
// To f32: exact. From f32: one rounding to nearest, ties to even; overflow gives infinity, underflow goes
// through subnormals to a signed zero. Any NaN becomes the canonical quiet NaN, positive, payload zero.
#pragma once

#include <bit>
#include <cstdint>

namespace whim {

inline constexpr uint32_t kNanF32 = 0x7fc00000u;
inline constexpr uint64_t kNanF64 = 0x7ff8000000000000ull;
inline constexpr uint16_t kNanF16 = 0x7e00u;
inline constexpr uint16_t kNanBf16 = 0x7fc0u;

constexpr float f32_from_f16(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = half & 0x3ffu;
    if (exponent == 31) return std::bit_cast<float>(mantissa != 0 ? kNanF32 : sign | 0x7f800000u);
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    if (mantissa == 0) return std::bit_cast<float>(sign);
    const uint32_t shift =
        static_cast<uint32_t>(std::countl_zero(mantissa)) - 21;  // brings bit 10 to the front
    return std::bit_cast<float>(sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ffu) << 13));
}

constexpr uint16_t f16_from_f32(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return kNanF16;
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above
    if (magnitude < 0x33000000u) return sign;                                    // below half of 2^-24
    uint32_t kept, drop;  // the significand to round, and how many of its bits go
    if (magnitude >= 0x38800000u) {
        kept = magnitude - (112u << 23);
        drop = 13;
    } else {
        kept = (magnitude & 0x7fffffu) | 0x800000u;
        drop = 126 - (magnitude >> 23);
    }
    const uint32_t rounded = (kept + ((1u << (drop - 1)) - 1) + ((kept >> drop) & 1)) >> drop;
    return static_cast<uint16_t>(sign | rounded);
}

constexpr float f32_from_bf16(uint16_t brain) {
    if ((brain & 0x7fffu) > 0x7f80u) return std::bit_cast<float>(kNanF32);
    return std::bit_cast<float>(static_cast<uint32_t>(brain) << 16);
}

constexpr uint16_t bf16_from_f32(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return kNanBf16;
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

}  // namespace whim

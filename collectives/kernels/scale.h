// The scale of a block: one number that the codes of the block are multiplied with, in one of four forms.
//
//   bf16   2 bytes; the default. Rounded up, so no code leaves its range, and code * scale is exact in f32.
//   f16    2 bytes; exact too and nearer to what was asked for, but between 2^-24 and 65504 only.
//   f32    4 bytes; what was asked for, but few products are exact.
//   e8m0   1 byte: a power of two (exponent + 127; 0 is zero). Exact, and coding twice changes nothing.
//
// Scales below 2^-110 are zero: so no product is subnormal, and machines that flush those agree with the
// rest. Scalar and with integers only, so that every machine gives the same bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "collectives/kernels/half.h"

namespace whim {

enum class ScaleType : uint8_t { bf16, f16, f32, e8m0 };

inline constexpr float kScaleMin = 0x1p-110f;

constexpr size_t scale_bytes(ScaleType type) {
    switch (type) {
        case ScaleType::bf16:
        case ScaleType::f16: return 2;
        case ScaleType::f32: return 4;
        case ScaleType::e8m0: return 1;
    }
    return 0;
}

struct Scale {
    uint32_t bits = 0;  // as it is written, little-endian, scale_bytes long
    float value = 0;
};

namespace detail {

constexpr float e8m0_value(uint32_t exponent) { return std::bit_cast<float>(exponent << 23); }

// The next f16 upwards of a finite, positive number.
constexpr uint16_t f16_up(float x) {
    const uint16_t nearest = f16_from_f32(x);
    return f32_from_f16(nearest) < x ? static_cast<uint16_t>(nearest + 1) : nearest;
}

}  // namespace detail

// The smallest scale that is at least x. x is finite, not negative, and at most scale_max.
constexpr Scale scale_up(ScaleType type, float x) {
    if (x < kScaleMin) return {};
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    switch (type) {
        case ScaleType::bf16: {
            const uint32_t up = (bits + 0xffffu) >> 16;
            return {up, std::bit_cast<float>(up << 16)};
        }
        case ScaleType::f16: return {detail::f16_up(x), f32_from_f16(detail::f16_up(x))};
        case ScaleType::f32: return {bits, x};
        case ScaleType::e8m0: {
            const uint32_t up = (bits + 0x7fffffu) >> 23;
            return {up, detail::e8m0_value(up)};
        }
    }
    return {};
}

// The scale nearest to x (ties to even; between powers of two, to the larger). x as in scale_up.
constexpr Scale scale_nearest(ScaleType type, float x) {
    if (x < kScaleMin) return {};
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    switch (type) {
        case ScaleType::bf16: return {bf16_from_f32(x), f32_from_bf16(bf16_from_f32(x))};
        case ScaleType::f16: return {f16_from_f32(x), f32_from_f16(f16_from_f32(x))};
        case ScaleType::f32: return {bits, x};
        case ScaleType::e8m0: {
            const uint32_t nearest = (bits + 0x400000u) >> 23;
            return {nearest, detail::e8m0_value(nearest)};
        }
    }
    return {};
}

// The value of what was written; nullopt for what neither function above writes.
constexpr std::optional<float> scale_from_bits(ScaleType type, uint32_t bits) {
    if (bits == 0) return 0.0f;
    float value = 0;
    switch (type) {
        case ScaleType::bf16: value = std::bit_cast<float>(bits << 16); break;
        case ScaleType::f16: value = f32_from_f16(static_cast<uint16_t>(bits)); break;
        case ScaleType::f32: value = std::bit_cast<float>(bits); break;
        case ScaleType::e8m0: value = bits == 255 ? 0.0f : detail::e8m0_value(bits); break;
    }
    const bool usual = value >= kScaleMin && std::bit_cast<uint32_t>(value) < 0x7f800000u;
    return usual ? std::optional(value) : std::nullopt;
}

// The largest scale whose product with top, the largest code, is finite. top is a whole number >= 1.
constexpr float scale_max(ScaleType type, float top) {
    const float limit = std::bit_cast<float>(0x7f7fffffu) / top;
    uint32_t bits = std::bit_cast<uint32_t>(limit);
    if (type == ScaleType::bf16) bits &= 0xffff0000u;
    if (type == ScaleType::e8m0) bits &= 0x7f800000u;
    if (type == ScaleType::f16 && limit > 65504.0f) return 65504.0f;
    // The division may have rounded up; then the product is past the largest number.
    while (static_cast<double>(std::bit_cast<float>(bits)) * static_cast<double>(top) >
           static_cast<double>(std::bit_cast<float>(0x7f7fffffu))) {
        --bits;
    }
    return std::bit_cast<float>(bits);
}

// The largest magnitude that codes up to top can hold: x / top, rounded, is at most scale_max for every x up
// to it.
constexpr float magnitude_max(ScaleType type, float top) {
    const float largest = scale_max(type, top);
    float x = largest * top;
    while (x / top > largest) x = std::bit_cast<float>(std::bit_cast<uint32_t>(x) - 1);
    return x;
}

// Elements and scales are copied as they are in memory.
static_assert(std::endian::native == std::endian::little,
              "the wire is little-endian, and so must this machine be");

inline void store_scale(ScaleType type, Scale scale, std::byte* to) {
    const auto half = static_cast<uint16_t>(scale.bits);
    switch (type) {
        case ScaleType::bf16:
        case ScaleType::f16: std::memcpy(to, &half, sizeof half); break;
        case ScaleType::f32: std::memcpy(to, &scale.bits, sizeof scale.bits); break;
        case ScaleType::e8m0: *to = static_cast<std::byte>(scale.bits); break;
    }
}

inline std::optional<float> load_scale(ScaleType type, const std::byte* from) {
    uint32_t bits = 0;
    switch (type) {
        case ScaleType::bf16:
        case ScaleType::f16: std::memcpy(&bits, from, 2); break;
        case ScaleType::f32: std::memcpy(&bits, from, 4); break;
        case ScaleType::e8m0: bits = static_cast<uint32_t>(*from); break;
    }
    return scale_from_bits(type, bits);
}

}  // namespace whim

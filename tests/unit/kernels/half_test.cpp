// Goal: the scalar 16-bit conversions are exact one way and correctly rounded the other, for every pattern.
// Method: all 65536 halves go to f32 and back; their values are checked against powers of two; every midpoint
// between neighbours, and the floats beside it, must round to nearest with ties to even. The compiler's own
// _Float16 would be circular on machines that lack it, so the expected value comes from exact f64 arithmetic.
#include "collectives/kernels/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace whim {
namespace {

struct Format {
    const char* name;
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
    int exponent_bits, mantissa_bits;
    uint16_t nan;
};

const Format kFormats[] = {{"f16", f32_from_f16, f16_from_f32, 5, 10, kNanF16},
                           {"bf16", f32_from_bf16, bf16_from_f32, 8, 7, kNanBf16}};

// The value of a positive pattern by definition, with an infinity valued as the next power of two.
double value_of(const Format& format, uint16_t pattern) {
    const int bias = (1 << (format.exponent_bits - 1)) - 1;
    const int exponent = pattern >> format.mantissa_bits;
    const int mantissa = pattern & ((1 << format.mantissa_bits) - 1);
    const int significand = exponent == 0 ? mantissa : mantissa + (1 << format.mantissa_bits);
    return std::ldexp(significand, std::max(exponent, 1) - bias - format.mantissa_bits);
}

uint16_t infinity_of(const Format& format) {
    return static_cast<uint16_t>(((1 << format.exponent_bits) - 1) << format.mantissa_bits);
}

TEST(Half, EveryPatternHasItsValueAndComesBack) {
    for (const Format& format : kFormats) {
        const uint16_t infinity = infinity_of(format);
        for (uint32_t p = 0; p < infinity; ++p) {
            const auto pattern = static_cast<uint16_t>(p);
            const auto negative = static_cast<uint16_t>(p | 0x8000);
            ASSERT_EQ(format.widen(pattern), value_of(format, pattern)) << format.name << " " << p;
            ASSERT_EQ(format.widen(negative), -value_of(format, pattern));
            ASSERT_EQ(format.narrow(format.widen(pattern)), pattern);
            ASSERT_EQ(format.narrow(format.widen(negative)), negative);  // -0 keeps its sign
        }
        EXPECT_EQ(format.widen(infinity), std::numeric_limits<float>::infinity());
        EXPECT_EQ(format.narrow(-std::numeric_limits<float>::infinity()), infinity | 0x8000);
    }
}

TEST(Half, MidpointsRoundToEvenAndTheirNeighboursToTheNearest) {
    for (const Format& format : kFormats) {
        for (uint16_t low = 0; low < infinity_of(format); ++low) {
            const auto high = static_cast<uint16_t>(low + 1);  // after the largest number: infinity
            const float middle = static_cast<float>((value_of(format, low) + value_of(format, high)) / 2);
            ASSERT_EQ(format.narrow(middle), low % 2 == 0 ? low : high) << format.name << " " << low;
            ASSERT_EQ(format.narrow(std::nextafter(middle, 0.0f)), low) << format.name << " " << low;
            const float above = std::nextafter(middle, std::numeric_limits<float>::infinity());
            ASSERT_EQ(format.narrow(above), high) << format.name << " " << low;
            ASSERT_EQ(format.narrow(-above), high | 0x8000) << format.name << " " << low;
        }
    }
}

TEST(Half, EveryNanIsTheCanonicalOne) {
    for (const Format& format : kFormats) {
        for (const uint32_t bits :
             {0x7f800001u, 0xff800001u, 0x7fc00000u, 0xffc00000u, 0x7fffffffu, 0xffffffffu}) {
            EXPECT_EQ(format.narrow(std::bit_cast<float>(bits)), format.nan);
        }
        for (uint32_t p = infinity_of(format) + 1u; p < 0x8000; ++p) {
            ASSERT_EQ(std::bit_cast<uint32_t>(format.widen(static_cast<uint16_t>(p))), kNanF32);
            ASSERT_EQ(std::bit_cast<uint32_t>(format.widen(static_cast<uint16_t>(p | 0x8000))), kNanF32);
        }
    }
}

}  // namespace
}  // namespace whim

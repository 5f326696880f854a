// Goal: scales are the smallest that can be written and are not less than what is asked for; what is read is
// what was written; the largest scale keeps products finite and the largest magnitude stays within it.
// Method: every pattern of the short types, and random numbers.
#include "collectives/kernels/scale.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"

namespace whim {
namespace {

constexpr ScaleType kTypes[] = {ScaleType::bf16, ScaleType::f16, ScaleType::f32, ScaleType::e8m0};

float random_wish(ScaleType type, Prng& random) {
    for (;;) {
        const float x = std::bit_cast<float>(static_cast<uint32_t>(random.next()) & 0x7fffffffu);
        if (std::isfinite(x) && x <= scale_max(type, 1)) return x;
    }
}

TEST(Scale, UpIsTheSmallestThatIsNotLess) {
    Prng random(1);
    for (const ScaleType type : kTypes) {
        for (int i = 0; i < 20000; ++i) {
            const float x = random_wish(type, random);
            const Scale up = scale_up(type, x);
            if (x < kScaleMin) {
                ASSERT_EQ(up.bits, 0u);
                ASSERT_EQ(up.value, 0);
                continue;
            }
            ASSERT_GE(up.value, x);
            ASSERT_EQ(scale_from_bits(type, up.bits), up.value);
            const auto below = scale_from_bits(type, up.bits - 1);
            ASSERT_TRUE(!below || *below < x) << x;
        }
    }
}

TEST(Scale, NearestIsNotFartherThanItsNeighbours) {
    Prng random(2);
    for (const ScaleType type : kTypes) {
        for (int i = 0; i < 20000; ++i) {
            const double x = static_cast<double>(random_wish(type, random));
            if (x < static_cast<double>(kScaleMin)) continue;
            const Scale nearest = scale_nearest(type, static_cast<float>(x));
            const double error = std::fabs(static_cast<double>(nearest.value) - x);
            for (const uint32_t bits : {nearest.bits - 1, nearest.bits + 1}) {
                const auto other = scale_from_bits(type, bits);
                ASSERT_TRUE(!other || error <= std::fabs(static_cast<double>(*other) - x)) << x;
            }
        }
    }
}

TEST(Scale, EveryPatternIsRefusedOrIsItsOwnScale) {
    for (const ScaleType type : {ScaleType::bf16, ScaleType::f16, ScaleType::e8m0}) {
        for (uint32_t bits = 0; bits < (type == ScaleType::e8m0 ? 256u : 65536u); ++bits) {
            const auto value = scale_from_bits(type, bits);
            if (!value) continue;
            ASSERT_TRUE(std::isfinite(*value) && (*value == 0 || *value >= kScaleMin)) << bits;
            ASSERT_EQ(scale_up(type, *value).bits, bits);
            ASSERT_EQ(scale_nearest(type, *value).bits, bits);
        }
    }
}

TEST(Scale, TheLargestKeepsProductsFinite) {
    for (const ScaleType type : kTypes) {
        for (const float top : {1.0f, 6.0f, 7.0f, 127.0f, 448.0f, 57344.0f}) {
            const float largest = scale_max(type, top);
            ASSERT_EQ(scale_up(type, largest).value, largest);
            ASSERT_TRUE(std::isfinite(largest * top));
            const auto next = scale_from_bits(type, scale_up(type, largest).bits + 1);
            ASSERT_TRUE(!next || !std::isfinite(*next * top));
            const float most = magnitude_max(type, top);
            ASSERT_LE(scale_up(type, most / top).value, largest);
            ASSERT_GT(most, largest * top * 0.999f);
        }
    }
}

}  // namespace
}  // namespace whim

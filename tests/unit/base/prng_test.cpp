// Goal: a seed means the same numbers on every machine and for ever; distributions are unbiased and in range.
// Method: golden values computed independently (Python, from the published definitions; the first output for
// seed 0 also stands in other libraries' tests), and counts of many draws.
#include "base/prng.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace whim {
namespace {

TEST(Prng, GoldenValues) {
    EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafull);
    EXPECT_EQ(mix64(1), 0x910a2dec89025cc1ull);
    EXPECT_EQ(mix64(UINT64_MAX), 0xe4d971771b652c20ull);
    Prng zero(0), forty_two(42);
    for (const uint64_t expected :
         {0x99ec5f36cb75f2b4ull, 0xbf6e1f784956452aull, 0x1a5f849d4933e6e0ull, 0x6aa594f1262d2d2cull}) {
        EXPECT_EQ(zero.next(), expected);
    }
    for (const uint64_t expected :
         {0x15780b2e0c2ec716ull, 0x6104d9866d113a7eull, 0xae17533239e499a1ull, 0xecb8ad4703b360a1ull}) {
        EXPECT_EQ(forty_two.next(), expected);
    }
}

TEST(Prng, SeedsGiveDifferentStreams) {
    std::set<uint64_t> first;
    for (uint64_t seed = 0; seed < 1000; ++seed) first.insert(Prng(seed).next());
    EXPECT_EQ(first.size(), 1000u);
}

TEST(Prng, BelowIsUniform) {
    Prng random(1);
    std::array<int, 7> counts = {};
    for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
    for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
    EXPECT_LT(random.below(UINT64_MAX), UINT64_MAX);
}

TEST(Prng, BelowZeroIsABug) {
    Prng random(1);
    EXPECT_DEATH(random.below(0), "bound > 0");
    EXPECT_DEATH(random.between(2, 1), "low <= high");
}

TEST(Prng, BetweenReachesBothEndsAndTheFullRange) {
    Prng random(2);
    std::set<int64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.between(-2, 2));
    EXPECT_EQ(seen, (std::set<int64_t>{-2, -1, 0, 1, 2}));
    EXPECT_EQ(random.between(5, 5), 5);
    int negative = 0;
    for (int i = 0; i < 1000; ++i) negative += random.between(INT64_MIN, INT64_MAX) < 0;
    EXPECT_NEAR(negative, 500, 100);
}

TEST(Prng, ChanceIsAFraction) {
    Prng random(3);
    int hits = 0;
    for (int i = 0; i < 30'000; ++i) hits += random.chance(1, 3);
    EXPECT_NEAR(hits, 10'000, 500);
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(random.chance(0, 3));
        EXPECT_TRUE(random.chance(3, 3));
    }
}

TEST(Prng, UnitFloatIsInTheUnitInterval) {
    Prng random(4);
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const float x = random.unit_float();
        ASSERT_GE(x, 0.0f);
        ASSERT_LT(x, 1.0f);
        sum += x;
    }
    EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

}  // namespace
}  // namespace whim

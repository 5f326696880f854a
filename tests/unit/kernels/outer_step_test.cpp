// Goal: the outer rules give the bits of their scalar definition on every instruction set, NaN included.
// Method: random buffers of awkward lengths, with special values, against a loop of single operations.
#include "collectives/kernels/outer_step.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/prng.h"
#include "collectives/kernels/half.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

std::vector<float> random_floats(size_t count, Prng& random) {
    std::vector<float> out(count);
    for (float& x : out) {
        x = random.chance(1, 10) ? std::bit_cast<float>(static_cast<uint32_t>(random.next()))
                                 : random.unit_float() * 2 - 1;
    }
    return out;
}

float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(kNanF32) : x; }

// Volatile, so that no compiler fuses a product with a sum.
void reference_step(OuterRule rule, float eta, float mu, float delta, float& momentum, float& anchor) {
    volatile float direction = delta;
    if (rule != OuterRule::sgd) {
        volatile float kept = mu * momentum;
        volatile float b = kept + delta;
        momentum = canonical(b);
        volatile float ahead = mu * b;
        direction = rule == OuterRule::nesterov ? delta + ahead : b;
    }
    volatile float scaled = eta * direction;
    anchor = canonical(anchor - scaled);
}

std::vector<uint32_t> bits_of(const std::vector<float>& xs) {
    std::vector<uint32_t> out;
    for (const float x : xs) out.push_back(std::bit_cast<uint32_t>(x));
    return out;
}

class OuterStepOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(OuterStepOnTarget, MatchesTheDefinition) {
    const test::OnlyTarget only(GetParam());
    Prng random(21);
    for (const OuterRule rule : {OuterRule::sgd, OuterRule::heavy_ball, OuterRule::nesterov}) {
        for (const size_t count : {0u, 1u, 3u, 8u, 9u, 63u, 1000u}) {
            const std::vector<float> delta = random_floats(count, random);
            std::vector<float> momentum = random_floats(count, random), anchor = random_floats(count, random);
            std::vector<float> expected_momentum = momentum, expected_anchor = anchor;
            for (size_t i = 0; i < count; ++i) {
                reference_step(rule, 0.7f, 0.9f, delta[i], expected_momentum[i], expected_anchor[i]);
            }
            kernels::outer_step(rule, 0.7f, 0.9f, delta, momentum, anchor);
            ASSERT_EQ(bits_of(anchor), bits_of(expected_anchor)) << count;
            ASSERT_EQ(bits_of(momentum), bits_of(expected_momentum)) << count;
        }
    }
}

TEST_P(OuterStepOnTarget, SubtractsAlsoInPlace) {
    const test::OnlyTarget only(GetParam());
    Prng random(22);
    for (const size_t count : {0u, 1u, 7u, 16u, 101u}) {
        const std::vector<float> a = random_floats(count, random), b = random_floats(count, random);
        std::vector<float> expected(count), out(count), in_a = a, in_b = b;
        for (size_t i = 0; i < count; ++i) expected[i] = canonical(a[i] - b[i]);
        kernels::subtract(a, b, out);
        kernels::subtract(in_a, b, in_a);
        kernels::subtract(a, in_b, in_b);
        EXPECT_EQ(bits_of(out), bits_of(expected));
        EXPECT_EQ(bits_of(in_a), bits_of(expected));
        EXPECT_EQ(bits_of(in_b), bits_of(expected));
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(OuterStepOnTarget);

TEST(OuterStep, SgdNeedsNoMomentum) {
    std::vector<float> anchor = {1, 2, 3};
    kernels::outer_step(OuterRule::sgd, 0.5f, 0.9f, std::vector<float>{2, 4, 6}, {}, anchor);
    EXPECT_EQ(anchor, (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace whim

// Goal: gossip's element loops give the bits of their scalar definition on every instruction set, NaN
// included, leave members alone who agree, and give both members of a pair the same bits. Method: random
// buffers of awkward lengths, with special values, against a loop of single operations.
#include "collectives/kernels/mix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "base/prng.h"
#include "collectives/kernels/half.h"
#include "tests/unit/kernels/only_target.h"

namespace whim::kernels {
namespace {

constexpr size_t kLengths[] = {0, 1, 3, 8, 9, 63, 64, 65, 1000};

std::vector<float> random_floats(size_t count, Prng& random) {
    std::vector<float> out(count);
    for (float& x : out) {
        x = random.chance(1, 10) ? std::bit_cast<float>(static_cast<uint32_t>(random.next()))
                                 : random.unit_float() * 2 - 1;
    }
    return out;
}

float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(whim::kNanF32) : x; }

// Volatile, so that no compiler fuses a product with a sum.
float moved(float sum, float from, float to, float part) {
    volatile float difference = to - from;
    volatile float share = part * difference;
    return sum + share;
}

std::vector<uint32_t> bits_of(const std::vector<float>& xs) {
    std::vector<uint32_t> out;
    for (const float x : xs) out.push_back(std::bit_cast<uint32_t>(x));
    return out;
}

class MixOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(MixOnTarget, MatchesTheDefinitionAlsoInPlace) {
    const whim::test::OnlyTarget only(GetParam());
    Prng random(31);
    for (const size_t count : kLengths) {
        for (const size_t neighbours : {0u, 1u, 2u, 5u}) {
            const std::vector<float> own = random_floats(count, random);
            std::vector<std::vector<float>> others;
            std::vector<MixInput> inputs;
            for (size_t k = 0; k < neighbours; ++k) others.push_back(random_floats(count, random));
            for (const auto& other : others) inputs.push_back({other, random.unit_float() / 4});
            std::vector<float> expected(count), out(count), in_place = own;
            for (size_t i = 0; i < count; ++i) {
                float sum = own[i];
                for (const MixInput& in : inputs) sum = moved(sum, own[i], in.values[i], in.weight);
                expected[i] = canonical(sum);
            }
            mix(own, inputs, out);
            mix(in_place, inputs, in_place);
            ASSERT_EQ(bits_of(out), bits_of(expected)) << count;
            ASSERT_EQ(bits_of(in_place), bits_of(expected)) << count;
        }
    }
}

TEST_P(MixOnTarget, BothOfAPairComputeTheSameBits) {
    const whim::test::OnlyTarget only(GetParam());
    Prng random(32);
    for (const size_t count : kLengths) {
        const std::vector<float> a = random_floats(count, random), b = random_floats(count, random);
        std::vector<float> expected(count), at_a(count), at_b(count);
        for (size_t i = 0; i < count; ++i) {
            volatile float sum = a[i] + b[i];
            expected[i] = canonical(0.5f * sum);
        }
        mix(a, std::vector<MixInput>{{b, 0.5f}}, at_a);
        mix(b, std::vector<MixInput>{{a, 0.5f}}, at_b);
        EXPECT_EQ(bits_of(at_a), bits_of(expected));
        EXPECT_EQ(bits_of(at_b), bits_of(expected));
    }
}

TEST_P(MixOnTarget, ChebyshevMatchesTheDefinitionAlsoInPlace) {
    const whim::test::OnlyTarget only(GetParam());
    Prng random(33);
    for (const size_t count : kLengths) {
        const std::vector<float> mixed = random_floats(count, random), before = random_floats(count, random);
        std::vector<float> expected(count), out(count), in_mixed = mixed, in_before = before;
        for (size_t i = 0; i < count; ++i)
            expected[i] = canonical(moved(before[i], before[i], mixed[i], 1.37f));
        chebyshev_step(1.37f, mixed, before, out);
        chebyshev_step(1.37f, in_mixed, before, in_mixed);
        chebyshev_step(1.37f, mixed, in_before, in_before);
        EXPECT_EQ(bits_of(out), bits_of(expected));
        EXPECT_EQ(bits_of(in_mixed), bits_of(expected));
        EXPECT_EQ(bits_of(in_before), bits_of(expected));
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(MixOnTarget);

TEST(Mix, MembersWhoAgreeStayAsTheyAre) {
    Prng random(34);
    std::vector<float> same(257);
    for (float& x : same) x = (random.unit_float() - 0.5f) * 1e30f;
    std::vector<float> out(same.size());
    mix(same, std::vector<MixInput>{{same, 1.0f / 3}, {same, 1.0f / 7}}, out);
    EXPECT_EQ(bits_of(out), bits_of(same));
    mix(same, std::vector<MixInput>{{same, 0.5f}}, out);
    EXPECT_EQ(bits_of(out), bits_of(same));
    chebyshev_step(1.9f, same, same, out);
    EXPECT_EQ(bits_of(out), bits_of(same));
}

}  // namespace
}  // namespace whim::kernels

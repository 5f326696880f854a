// Goal: the outer optimiser is the one of the papers, in sign, form and gain.
// Method: known facts of the rules (first step, steady gain, averaging as a special case), large-batch SGD as
// the meaning of H = 1, and a trace of PyTorch's SGD(nesterov=True) computed in f64.
#include "collectives/outer/nesterov.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/prng.h"
#include "collectives/reducer/fold.h"

namespace whim {
namespace {

// The average over workers, as the group computes it.
std::vector<float> mean_of(const std::vector<std::vector<float>>& xs) {
    std::vector<FoldInput> inputs;
    for (const auto& x : xs) inputs.push_back({std::as_bytes(std::span(x))});
    std::vector<float> out(xs[0].size());
    fold(Reduce::avg, Dtype::f32, inputs, std::as_writable_bytes(std::span(out)));
    return out;
}

TEST(Nesterov, FirstStepIsOnePlusMuTimesEtaTimesDelta) {
    const std::vector<float> delta = {1.0f, -0.5f};
    std::vector<float> momentum(2, 0), anchor(2, 0);
    outer_step({}, delta, momentum, anchor);
    EXPECT_FLOAT_EQ(anchor[0], -1.9f * 0.7f);
    EXPECT_FLOAT_EQ(anchor[1], 1.9f * 0.7f * 0.5f);
    EXPECT_EQ(momentum, delta);
}

TEST(Nesterov, ConstantDeltaHasSteadyGain) {
    for (const OuterRule rule : {OuterRule::nesterov, OuterRule::heavy_ball}) {
        const std::vector<float> delta = {0.25f};
        std::vector<float> momentum = {0}, anchor = {0};
        float before = 0;
        for (int step = 0; step < 300; ++step) {
            before = anchor[0] = 0;  // only the change of each step matters
            outer_step({rule, 0.7f, 0.9f}, delta, momentum, anchor);
        }
        EXPECT_NEAR(before - anchor[0], 0.7 * 0.25 / (1 - 0.9), 1e-4);
    }
}

TEST(Nesterov, MatchesPyTorch) {
    const std::vector<std::vector<float>> deltas = {
        {0.1f, -0.2f, 0.0f}, {0.05f, 0.3f, -0.4f}, {-0.2f, 0.1f, 0.25f}, {0.0f, 0.0f, 0.0f}};
    const double expected[4][3] = {{0.867, -1.734, 0.5},
                                   {0.7438, -2.0196, 1.032},
                                   {0.93042, -2.22064, 0.9263},
                                   {0.972378, -2.338576, 0.98867}};
    std::vector<float> momentum(3, 0), anchor = {1.0f, -2.0f, 0.5f};
    for (size_t step = 0; step < 4; ++step) {
        outer_step({}, deltas[step], momentum, anchor);
        for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(anchor[i], expected[step][i], 1e-6) << step << " " << i;
    }
}

TEST(Nesterov, EtaOneMuZeroAveragesTheParametersUnderEveryRule) {
    Prng random(31);
    std::vector<float> anchor(1000);
    for (float& x : anchor) x = random.unit_float();
    std::vector<std::vector<float>> live(5, anchor), deltas(5, anchor);
    for (size_t m = 0; m < 5; ++m) {
        for (float& x : live[m]) x += (random.unit_float() - 0.5f) * 0.1f;
        pseudo_gradient(anchor, live[m], deltas[m]);
    }
    const std::vector<float> mean = mean_of(live);
    for (const OuterRule rule : {OuterRule::sgd, OuterRule::heavy_ball, OuterRule::nesterov}) {
        std::vector<float> momentum(1000, 0), moved = anchor;
        outer_step({rule, 1.0f, 0.0f}, mean_of(deltas), momentum, moved);
        for (size_t i = 0; i < 1000; ++i) ASSERT_NEAR(moved[i], mean[i], 1e-6);
    }
}

TEST(Nesterov, OneInnerStepIsLargeBatchSgd) {
    const float inner_rate = 0.1f;
    const std::vector<float> anchor = {0.5f, -1.0f};
    const std::vector<std::vector<float>> gradients = {{1, 2}, {3, -2}, {-1, 6}};
    std::vector<std::vector<float>> deltas;
    for (const auto& gradient : gradients) {
        std::vector<float> live = anchor;
        for (size_t i = 0; i < 2; ++i) live[i] -= inner_rate * gradient[i];
        pseudo_gradient(anchor, live, live);
        deltas.push_back(live);
    }
    std::vector<float> moved = anchor;
    outer_step({OuterRule::sgd, 1.0f, 0.0f}, mean_of(deltas), {}, moved);
    EXPECT_NEAR(moved[0], 0.5f - 0.1f * 1.0f, 1e-6);
    EXPECT_NEAR(moved[1], -1.0f - 0.1f * 2.0f, 1e-6);
}

TEST(Nesterov, ZeroDeltaMovesTheAnchorOnlyByItsMomentum) {
    const std::vector<float> zero = {0, 0};
    std::vector<float> momentum = {0, 1}, anchor = {3, 3};
    outer_step({}, zero, momentum, anchor);
    EXPECT_EQ(anchor[0], 3);
    EXPECT_FLOAT_EQ(anchor[1], 3 - 0.7f * 0.81f);
}

}  // namespace
}  // namespace whim

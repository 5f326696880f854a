// Goal: results are provisional until the commit: an abort restores anchor, momentum and count bit for bit, a
// donor never gives away a provisional state, and a healed member goes on exactly like its donor.
// Method: several members in one process, averaged by the real fold, with random live parameters.
#include "collectives/outer/diloco.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "collectives/reducer/fold.h"

namespace whim {
namespace {

using Floats = std::vector<float>;

Floats copy_of(std::span<const float> xs) { return Floats(xs.begin(), xs.end()); }

Floats random_floats(size_t count, Prng& random) {
    Floats out(count);
    for (float& x : out) x = random.unit_float() * 2 - 1;
    return out;
}

void expect_same(const Diloco::State& a, const Diloco::State& b) {
    EXPECT_EQ(copy_of(a.anchor), copy_of(b.anchor));
    EXPECT_EQ(copy_of(a.momentum), copy_of(b.momentum));
    EXPECT_EQ(a.steps, b.steps);
}

// One round of all members: contributes from random live parameters, averages and applies everywhere.
void run_round(std::vector<Diloco*> members, Prng& random) {
    std::vector<Floats> deltas;
    for (Diloco* member : members) {
        Floats live = random_floats(member->size(), random);
        member->contribute(live, live);
        deltas.push_back(live);
    }
    std::vector<FoldInput> inputs;
    for (const Floats& delta : deltas) inputs.push_back({std::as_bytes(std::span(delta))});
    Floats mean(members[0]->size());
    fold(Reduce::avg, Dtype::f32, inputs, std::as_writable_bytes(std::span(mean)));
    for (Diloco* member : members) member->apply(mean);
}

TEST(Diloco, ContributionIsAnchorMinusLiveAndChangesNothing) {
    const Diloco diloco(Floats{1, 2, 3}, {});
    Floats out(3);
    diloco.contribute(Floats{0.5f, 2, 4}, out);
    EXPECT_EQ(out, (Floats{0.5f, 0, -1}));
    EXPECT_EQ(copy_of(diloco.newest().anchor), (Floats{1, 2, 3}));
}

TEST(Diloco, AppliesTheOuterStep) {
    Diloco diloco(Floats{1, 2}, {});
    Floats momentum(2, 0), anchor = {1, 2};
    const Floats mean = {0.1f, -0.3f};
    outer_step({}, mean, momentum, anchor);
    diloco.apply(mean);
    EXPECT_EQ(copy_of(diloco.newest().anchor), anchor);
    EXPECT_EQ(copy_of(diloco.newest().momentum), momentum);
    EXPECT_EQ(diloco.newest().steps, 1u);
}

TEST(Diloco, AbortRestoresEveryBitAndCommitKeeps) {
    for (const OuterRule rule : {OuterRule::sgd, OuterRule::heavy_ball, OuterRule::nesterov}) {
        Prng random(41);
        Diloco diloco(random_floats(100, random), {rule, 0.7f, 0.9f});
        run_round({&diloco}, random);
        diloco.commit();
        const Floats anchor = copy_of(diloco.newest().anchor), momentum = copy_of(diloco.newest().momentum);

        run_round({&diloco}, random);
        EXPECT_TRUE(diloco.provisional());
        EXPECT_NE(copy_of(diloco.newest().anchor), anchor);
        expect_same(diloco.committed(), {anchor, momentum, 1});
        diloco.abort();
        expect_same(diloco.newest(), {anchor, momentum, 1});
        expect_same(diloco.committed(), {anchor, momentum, 1});

        run_round({&diloco}, random);
        const Floats moved = copy_of(diloco.newest().anchor);
        diloco.commit();
        EXPECT_EQ(copy_of(diloco.committed().anchor), moved);
        EXPECT_EQ(diloco.committed().steps, 2u);
    }
}

TEST(Diloco, ViewsOfItsBuffersStayValid) {
    Prng random(42);
    Diloco diloco(random_floats(10, random), {});
    const float* anchor = diloco.newest().anchor.data();
    const float* momentum = diloco.newest().momentum.data();
    run_round({&diloco}, random);
    diloco.abort();
    run_round({&diloco}, random);
    diloco.commit();
    EXPECT_EQ(diloco.newest().anchor.data(), anchor);
    EXPECT_EQ(diloco.newest().momentum.data(), momentum);
    EXPECT_EQ(diloco.committed().anchor.data(), anchor);
}

TEST(Diloco, MembersStayBitIdenticalThroughAbortsAndAHealedJoinerFollows) {
    Prng random(43);
    const Floats initial = random_floats(257, random);
    Diloco a(initial, {}), b(initial, {}), joiner(random_floats(257, random), {});
    for (int round = 0; round < 20; ++round) {
        run_round({&a, &b}, random);
        expect_same(a.newest(), b.newest());
        if (random.chance(1, 3)) {
            a.abort(), b.abort();
        } else {
            a.commit(), b.commit();
        }
    }
    run_round({&a, &b}, random);   // the donor's newest state is provisional when it gives
    run_round({&joiner}, random);  // and so is the joiner's own, which is void
    const Diloco::State given = a.committed();
    const Diloco::Buffers buffers = joiner.begin_heal();
    std::copy(given.anchor.begin(), given.anchor.end(), buffers.anchor.begin());
    std::copy(given.momentum.begin(), given.momentum.end(), buffers.momentum.begin());
    joiner.finish_heal(given.steps);
    EXPECT_FALSE(joiner.provisional());
    a.abort(), b.abort();
    expect_same(joiner.newest(), a.newest());
    run_round({&a, &b, &joiner}, random);
    expect_same(joiner.newest(), a.newest());
    expect_same(joiner.newest(), b.newest());
}

TEST(Diloco, SgdKeepsNoMomentum) {
    Diloco diloco(Floats{1, 2}, {OuterRule::sgd, 1.0f, 0.9f});
    diloco.apply(Floats{0.5f, 0.5f});
    EXPECT_TRUE(diloco.newest().momentum.empty());
    EXPECT_EQ(copy_of(diloco.newest().anchor), (Floats{0.5f, 1.5f}));
}

TEST(Diloco, OneResultAtMostIsProvisional) {
    Diloco diloco(Floats{1}, {});
    EXPECT_DEATH(diloco.commit(), "provisional_");
    EXPECT_DEATH(diloco.abort(), "provisional_");
    diloco.apply(Floats{1});
    EXPECT_DEATH(diloco.apply(Floats{1}), "provisional_");
}

}  // namespace
}  // namespace whim

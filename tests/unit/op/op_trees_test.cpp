// Goal: ops keep their promises whatever trees their plan has, and go on as the direct plan when members go.
// Method: seeded worlds (model.h) under random plans; the judge folds each tree by itself. Planted bugs show
// that it would notice. WHIM_OP_TREES_SEED=N replays one world and prints it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "collectives/op/routes.h"
#include "collectives/plan/check_plan.h"
#include "tests/unit/op/model.h"

namespace whim::op {
namespace {

using plan::Member;

// Orders of all members, and trees in which each but the root hangs under one drawn before it.
std::vector<Member> shuffled(Prng& prng, uint32_t members) {
    std::vector<Member> order(members);
    std::iota(order.begin(), order.end(), Member{0});
    for (uint32_t i = members; i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
    return order;
}

std::vector<Member> random_tree(Prng& prng, uint32_t members, Member root) {
    std::vector<Member> order = shuffled(prng, members);
    std::swap(*std::find(order.begin(), order.end(), root), order[0]);
    std::vector<Member> parents(members, root);
    for (uint32_t i = 1; i < members; ++i) parents[order[i]] = order[prng.below(i)];
    return parents;
}

plan::Plan random_plan(uint64_t seed, uint32_t members) {
    Prng prng(seed * 6'700'417 + 11);
    plan::Plan made{.kind = plan::Kind::forest, .members = members, .parts = {}, .tables = {}, .relays = {}};
    uint32_t left = plan::kShares;
    for (auto parts = static_cast<uint32_t>(prng.between(1, 5)); parts > 0; --parts) {
        plan::Part part;
        part.share = parts == 1 ? left : static_cast<uint32_t>(prng.between(1, left - parts));
        left -= part.share;
        part.root = static_cast<Member>(prng.below(members));
        part.shape = static_cast<plan::Shape>(prng.below(3));
        if (part.shape != plan::Shape::star) {
            part.reduce = part.broadcast = static_cast<uint16_t>(made.tables.size());
            const bool ring = part.shape == plan::Shape::ring;
            made.tables.push_back(ring ? shuffled(prng, members) : random_tree(prng, members, part.root));
            if (!ring && prng.chance(1, 2)) {
                part.broadcast = static_cast<uint16_t>(made.tables.size());
                made.tables.push_back(random_tree(prng, members, part.root));
            }
        }
        made.parts.push_back(part);
    }
    EXPECT_TRUE(plan::check(made).ok()) << "seed " << seed;
    return made;
}

ModelOptions draw(uint64_t seed) {
    Prng prng(seed * 7907 + 5);
    ModelOptions o = draw_small(prng, seed, 2, 7);
    o.abstainers = prng.chance(1, 4) ? 2 : 0;
    o.deaths = prng.chance(1, 3) ? 0 : static_cast<uint32_t>(prng.below(std::min(o.peers, 4u)));
    o.exclusions =
        prng.chance(1, 4) ? static_cast<uint32_t>(prng.below(std::max(1u, o.peers - o.deaths))) : 0;
    if (prng.chance(1, 6)) o.retain_bytes_max = 8;
    if (prng.chance(1, 4)) o.eager_bytes = 0;
    o.plan = std::make_shared<plan::Plan>(random_plan(seed, o.peers));
    o.tensors = seed % 3 == 0;
    return o;
}

// A world in which all that live abstain ends with an error, as it should.
bool promises_nothing(const ModelOutcome& outcome) {
    return outcome.problem.find("members contribute") != std::string::npos ||
           outcome.problem.find("contributors are left") != std::string::npos;
}

TEST(OpTrees, KeepTheirPromises) {
    ModelOutcome sum;
    uint32_t without_losses = 0, promised = 0;
    for (uint64_t seed = 1; seed <= worlds_of(4'000); ++seed) {
        const ModelOptions options = draw(seed);
        const ModelOutcome outcome = run_model(options);
        if (options.abstainers > 0 && promises_nothing(outcome)) continue;
        ASSERT_EQ(outcome.problem, "") << "seed " << seed;
        ++promised;
        without_losses += options.deaths == 0 && options.exclusions == 0;
        sum.chunks_adopted += outcome.chunks_adopted;
        sum.retained += outcome.retained;
        sum.by_trees += outcome.by_trees;
        sum.direct += outcome.direct;
    }
    EXPECT_GT(promised, 3'600u);
    EXPECT_GT(without_losses, 800u);
    EXPECT_GT(sum.chunks_adopted, 400u);
    EXPECT_GT(sum.retained, 400u);
    EXPECT_GT(sum.by_trees, 4'000u);
    EXPECT_GT(sum.direct, 400u);
}

TEST(OpTrees, Replay) {
    const char* seed = std::getenv("WHIM_OP_TREES_SEED");
    if (seed == nullptr) return;
    ModelOptions options = draw(std::strtoull(seed, nullptr, 10));
    options.trace = true;
    EXPECT_EQ(run_model(options).problem, "");
}

class PlantedInTrees : public testing::TestWithParam<Plant> {};

TEST_P(PlantedInTrees, IsCaught) {
    for (uint64_t seed = 1; seed <= 5'000; ++seed) {
        ModelOptions options = draw(seed);
        options.plant = GetParam();
        options.abstainers = 0;
        if (!run_model(options).problem.empty()) return;
    }
    FAIL() << plant_name(GetParam()) << " was not caught: " << plant_rule(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Trees, PlantedInTrees,
                         testing::Values(Plant::partial_counted_twice, Plant::adopt_passed_on_late,
                                         Plant::partials_outlive_trees, Plant::no_retention,
                                         Plant::decide_before_all, Plant::ignore_has,
                                         Plant::newer_frames_do_not_wait, Plant::uniform_mix_sets),
                         [](const auto& info) { return std::string(plant_name(info.param)); });

// What one member's routes say must be what the others' say.
TEST(Routes, AgreeBetweenMembers) {
    for (uint64_t seed = 1; seed <= 500; ++seed) {
        Prng prng(seed);
        const auto members = static_cast<uint32_t>(prng.between(2, 17));
        const auto made = std::make_shared<plan::Plan>(random_plan(seed, members));
        const ChunkLayout layout = layout_of(*made, prng.between(1, 500), 4, 7);
        std::vector<Routes> all;
        for (uint32_t r = 0; r < members; ++r) all.emplace_back(made, r, layout);
        for (uint32_t r = 0; r < members; ++r) {
            for (const auto& [to, list] : all[r].to()) {
                ASSERT_EQ(all[to].by().at(r), list);
                for (uint32_t i = 0; i < list.size(); ++i) ASSERT_EQ(all[r].place(list[i]), i);
                ASSERT_LE(all[to].by().size(), all[r].fan_in(to));
            }
        }
        for (uint32_t c = 0; c < layout.chunks(); ++c) {
            uint32_t passed = 0, received = 0;
            for (uint32_t r = 0; r < members; ++r) {
                passed += static_cast<uint32_t>(all[r].of(c).senders.size());
                received += static_cast<uint32_t>(all[r].of(c).down_to.size());
                std::vector<bool> own(members, false);
                own[r] = true;
                ASSERT_EQ(all[r].root(c), all[0].root(c));
                if (r == all[r].root(c)) continue;
                ASSERT_TRUE(all[all[r].of(c).up].passes(c, r, own));
            }
            ASSERT_EQ(passed, members - 1);
            ASSERT_EQ(received, members - 1);
        }
    }
}

}  // namespace
}  // namespace whim::op

// Goal: on any links the planner's plans are plans, the same everywhere, and as good as it says. Method:
// thousands of random flocks; each candidate is checked, encoded and compared with what must hold whatever
// the links: never faster than the bound, forecast near the simulation, small ops over few hops, no partial
// results where none are allowed. Figures of the whole: ./run bench plan.
#include "collectives/plan/planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.h"
#include "collectives/plan/bound.h"
#include "collectives/plan/plan_code.h"
#include "collectives/plan/simulate.h"
#include "tests/unit/plan/flocks.h"

namespace whim::plan {
namespace {

using stress::random_flock;

const Candidate& named(const Choice& choice, const std::string& name) {
    for (const Candidate& candidate : choice.candidates)
        if (candidate.name == name) return candidate;
    ADD_FAILURE() << "no candidate " << name;
    return choice.candidates[0];
}

// Whatever the size, every element is of one part; of a part every member but the root sends once towards it
// and receives once from it.
void expect_each_element_once(const Plan& plan) {
    const uint64_t n = plan.members;
    for (const uint64_t elements :
         {uint64_t{0}, uint64_t{1}, n - 1, n, n + 1, uint64_t{7919}, uint64_t{1'000'003}}) {
        uint64_t next = 0;
        for (const ElementRange& range : elements_of(plan, elements)) {
            ASSERT_TRUE(range.begin == next && range.end >= range.begin);
            next = range.end;
        }
        ASSERT_EQ(next, elements);
    }
    for (const Part& part : plan.parts) {
        std::vector<uint32_t> sent(n, 0), received(n, 0);
        for_each_edge(plan, part, [&](Phase phase, Member from, Member to) {
            if (phase == Phase::reduce) ++sent[from];
            else ++received[to];
        });
        std::vector<uint32_t> once(n, 1);
        once[part.root] = 0;
        ASSERT_EQ(sent, once);
        ASSERT_EQ(received, once);
    }
}

void expect_plans(const Links& links, const Choice& choice) {
    for (const Candidate& candidate : choice.candidates) {
        ASSERT_EQ(candidate.plan.has_value(), candidate.refused.empty());
        if (!candidate.plan) continue;
        const Status is_plan = check(*candidate.plan), reaches = check_reach(*candidate.plan, links);
        ASSERT_TRUE(is_plan.ok()) << candidate.name << ": " << is_plan.error().detail;
        ASSERT_TRUE(reaches.ok()) << candidate.name << ": " << reaches.error().detail;
        ASSERT_NO_FATAL_FAILURE(expect_each_element_once(*candidate.plan)) << candidate.name;
    }
    const Bytes bytes = encode(choice.plan());
    ASSERT_LE(bytes.size(), limits::kPlanBytesMax);
    const Result<Plan> back = decode(bytes);
    ASSERT_TRUE(back.ok() && *back == choice.plan());
}

TEST(Planner, ThousandsOfFlocksGetPlans) {
    for (uint64_t seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE(seed);
        const Links links = random_flock(seed, 1, 10);
        Prng prng(seed);
        expect_plans(links, plan_for(links, work_of(uint64_t{1} << prng.below(31))));
    }
}

TEST(Planner, LargerFlocksGetPlans) {
    for (const uint32_t members : {40u, 64u, 100u, 128u, 129u, 300u, 1024u}) {
        SCOPED_TRACE(members);
        for (uint64_t seed = 0; seed < 4; ++seed) {
            const Links links = random_flock(seed, members, members);
            expect_plans(links, plan_for(links, work_of(64u << 20)));
        }
    }
}

TEST(Planner, EqualLinksGiveEqualPlans) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
        const Links links = random_flock(seed, 2, 16), copy = links;
        const Choice first = plan_for(links, work_of(8u << 20)), second = plan_for(copy, work_of(8u << 20));
        ASSERT_EQ(encode(first.plan()), encode(second.plan()));
        ASSERT_EQ(first.reason, second.reason);
    }
}

TEST(Planner, NoPlanBeatsTheBoundAndForecastsAreNear) {
    std::vector<double> ratios;
    for (uint64_t seed = 0; seed < 150; ++seed) {
        SCOPED_TRACE(seed);
        const Links links = random_flock(seed, 2, 12);
        Prng prng(seed);
        const Work work = work_of((4u << 20) << prng.below(6));
        const Net net(links);
        const Choice choice = plan_for(links, work);
        const double bound = slowest_cut(net, work).seconds;
        for (const Candidate& candidate : choice.candidates) {
            if (!candidate.plan) continue;
            const double simulated = simulate(*candidate.plan, net, work);
            // The simulation lets go of the last thousandth of a piece.
            ASSERT_GE(simulated, bound * 0.998) << candidate.name;
            ratios.push_back(candidate.forecast.seconds / simulated);
        }
        ASSERT_GE(choice.forecast().seconds, choice.forecast().transfer_s);
    }
    std::sort(ratios.begin(), ratios.end());
    EXPECT_GT(ratios[ratios.size() / 20], 0.8);  // the stated error: 25 % for nine in ten
    EXPECT_LT(ratios[ratios.size() * 19 / 20], 1.25);
    EXPECT_GT(ratios.front(), 0.6);
    EXPECT_LT(ratios.back(), 1.7);
}

TEST(Planner, TheChosenPlanIsAsGoodAsThePlainOnes) {
    for (uint64_t seed = 1000; seed < 1100; ++seed) {
        SCOPED_TRACE(seed);
        const Links links = random_flock(seed, 3, 10);
        const Work work = work_of(64u << 20);
        const Net net(links);
        const Choice choice = plan_for(links, work);
        const double chosen = simulate(choice.plan(), net, work);
        for (const Candidate& candidate : choice.candidates) {
            if (!candidate.plan || candidate.plan->kind == Kind::forest) continue;
            ASSERT_LE(chosen, simulate(*candidate.plan, net, work) * 1.05) << candidate.name;
        }
    }
}

TEST(Planner, SmallOpsTakeTheFewestHops) {
    for (uint64_t seed = 0; seed < 300; ++seed) {
        const Links links = random_flock(seed, 2, 12);
        const Choice choice = plan_for(links, work_of(1024));
        ASSERT_EQ(choice.plan().kind, Kind::direct) << seed;
        ASSERT_EQ(choice.plan().parts.size(), 1u) << seed;
    }
}

TEST(Planner, NoPartialResultsWhereNoneAreAllowed) {
    Work sees_all = work_of(64u << 20), four_bits = sees_all, not_associative = sees_all;
    sees_all.needs_all = true;
    four_bits.wire_bits = 4;
    four_bits.wire_bytes = four_bits.bytes / 8;
    not_associative.associative = false;
    for (const Work& work : {sees_all, four_bits, not_associative})
        for (uint64_t seed = 0; seed < 100; ++seed) {
            const Choice choice = plan_for(random_flock(seed, 3, 10), work);
            for (const Candidate& candidate : choice.candidates) {
                if (!candidate.plan) continue;
                for (const Part& part : candidate.plan->parts) ASSERT_EQ(part.shape, Shape::star) << seed;
            }
        }
}

TEST(Planner, SlowUplinksRootNothing) {
    Links links = even_flock(5, 12'500'000, 20'000);
    links.member(3).up = 1'250'000;
    const Choice choice = plan_for(links, work_of(64u << 20));
    EXPECT_EQ(root_shares(choice.plan())[3], 0u);
    EXPECT_NEAR(choice.forecast().transfer_s, (64u << 20) / 1.25e6, 0.01);
}

TEST(Planner, EvenLinksGiveEvenShares) {
    const Choice choice = plan_for(even_flock(8, 125'000'000, 80'000), work_of(64u << 20));
    EXPECT_EQ(choice.candidates[choice.chosen].name, "direct");
    for (const uint32_t share : root_shares(choice.plan())) EXPECT_NEAR(share, kShares / 8, 2);
}

TEST(Planner, PathsBetweenRegionsAreNotLoadedTwice) {
    // Two regions of four joined by thin paths: sums cross once in each direction, or go round over other
    // pairs.
    Links links = even_flock(8, 250'000'000, 1000);
    for (uint32_t a = 0; a < 8; ++a)
        for (uint32_t b = 0; b < 8; ++b)
            if ((a < 4) != (b < 4)) links.pair(a, b) = {1'000'000, 70'000, false};
    const Work work = work_of(64u << 20);
    const Net net(links);
    const Choice choice = plan_for(links, work);
    EXPECT_EQ(choice.regions.count, 2u);
    const double chosen = simulate(choice.plan(), net, work);
    EXPECT_LT(chosen, simulate(*named(choice, "direct").plan, net, work) * 0.4);
    EXPECT_LT(chosen, slowest_cut(net, work).seconds * 1.25);
}

TEST(Planner, RelaysAndNoWayAtAll) {
    Links links = even_flock(4, 12'500'000, 20'000);
    links.pair(0, 1).cut = true;
    Choice choice = plan_for(links, work_of(1u << 20));
    expect_plans(links, choice);
    for (const uint32_t b : {1u, 2u, 3u}) links.pair(0, b).cut = true;
    choice = plan_for(links, work_of(1u << 20));
    EXPECT_EQ(choice.candidates[choice.chosen].name, "direct, waiting");
    EXPECT_TRUE(check(choice.plan()).ok());
    EXPECT_FALSE(check_reach(choice.plan(), links).ok());
}

TEST(Planner, AFlockOfOneAndOfTwo) {
    EXPECT_EQ(plan_for(Links(1), work_of(100)).plan().parts.size(), 1u);
    const Choice two = plan_for(Links(2), work_of(64u << 20));
    EXPECT_EQ(two.plan().parts.size(), 2u);
}

}  // namespace
}  // namespace whim::plan

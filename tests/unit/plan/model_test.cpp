// Goal: links, regions, simulation and bound are what they say. Method: cases small enough to do by hand.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "collectives/plan/bound.h"
#include "collectives/plan/fair_shares.h"
#include "collectives/plan/link_text.h"
#include "collectives/plan/simulate.h"
#include "tests/unit/plan/flocks.h"

namespace whim::plan {
namespace {

constexpr uint64_t kMB = 1'000'000;

TEST(Net, FillsGapsWithStatedDefaults) {
    const Links unknown(3);
    const Net nothing(unknown);
    EXPECT_DOUBLE_EQ(nothing.up_s(1), 1.0 / limits::kPlanRateDefault);
    EXPECT_DOUBLE_EQ(nothing.delay_s(0, 2), limits::kPlanRttUsDefault * 0.5e-6);
    EXPECT_EQ(nothing.pair_s(0, 1), 0);

    Links some(3);
    some.member(0) = {2 * kMB, 4 * kMB, 0};
    some.pair(1, 2) = {8 * kMB, 10'000, false};
    some.pair(0, 1).rtt_us = 30'000;
    const Net net(some);
    EXPECT_DOUBLE_EQ(net.up_s(1), 1.0 / (8 * kMB));  // the best path from it
    EXPECT_DOUBLE_EQ(net.up_s(2), 1.0 / (5 * kMB));  // the mean of the others
    EXPECT_DOUBLE_EQ(net.down_s(1), 1.0 / (6 * kMB));
    EXPECT_DOUBLE_EQ(net.rtt_s(2, 1), 0.01);  // the other direction's
    EXPECT_DOUBLE_EQ(net.rtt_s(0, 2), 0.02);  // the mean
}

TEST(Net, APairIsCutInBothDirections) {
    Links links(3);
    links.pair(2, 0).cut = true;
    const Net net(links);
    EXPECT_FALSE(net.reach(0, 2));
    EXPECT_TRUE(net.reach(0, 1));
    ASSERT_EQ(net.cuts().size(), 1u);
}

TEST(Regions, NamedOrFoundWhereRoundTripsRise) {
    Links links = even_flock(6, kMB, 100'000);
    for (const auto& [a, b] : {std::pair{0, 3}, {3, 0}, {1, 4}, {4, 1}, {4, 5}, {5, 4}})
        links.pair(a, b).rtt_us = 5000;
    links.pair(0, 2).rtt_us = links.pair(2, 0).rtt_us = 8000;
    const Regions found = find_regions(Net(links));
    EXPECT_EQ(found.of, (std::vector<uint32_t>{0, 1, 0, 0, 1, 1}));
    EXPECT_FALSE(found.named);
    links.member(5).region = 9;
    const Regions named = find_regions(Net(links));
    EXPECT_EQ(named.of, (std::vector<uint32_t>{0, 0, 0, 0, 0, 1}));
    EXPECT_TRUE(named.named);
    EXPECT_EQ(find_regions(Net(even_flock(5, kMB, 40'000))).count, 1u);
}

TEST(FairShares, GrowAlikeUntilALineIsFull) {
    Links links = even_flock(3, 10 * kMB, 1000);
    links.member(1).down = 2 * kMB;
    const Net net(links);
    Flow thin{0, 1, 1e9, 0}, wide{0, 2, 1e9, 0}, own{2, 0, 3e6, 0};
    std::vector<Flow*> flows = {&thin, &wide, &own};
    FairShares(net).assign(flows);
    EXPECT_NEAR(thin.rate, 2e6, 1);
    EXPECT_NEAR(wide.rate, 8e6, 1);
    EXPECT_NEAR(own.rate, 3e6, 1);
}

TEST(Simulate, TwoPeersTakeTheirLineAndOneRoundTrip) {
    const Links links = even_flock(2, 10 * kMB, 100'000);
    Plan plan;
    plan.members = 2;
    plan.parts = {{kShares, 0, Shape::star, 0, 0}};
    // One piece: there and back. Many: results follow inputs, so that only the last is waited for.
    EXPECT_NEAR(simulate(plan, Net(links), work_of(10 * kMB), {.pieces_max = 1}), 2.1, 0.01);
    EXPECT_NEAR(simulate(plan, Net(links), work_of(10 * kMB), {.pieces_max = 10}), 1.2, 0.01);
}

TEST(Simulate, ARingOfFour) {
    const Links links = even_flock(4, 10 * kMB, 20'000);
    Plan plan;
    plan.kind = Kind::ring;
    plan.members = 4;
    plan.tables = {{0, 1, 2, 3}};
    for (Member root = 0; root < 4; ++root) plan.parts.push_back({kShares / 4, root, Shape::ring, 0, 0});
    // Six steps of a quarter, each with half a round trip.
    EXPECT_NEAR(simulate(plan, Net(links), work_of(40 * kMB), {.pieces_max = 1}), 6 * (1 + 0.01), 0.02);
}

TEST(Simulate, ARelayCarriesBothLegs) {
    Links links = even_flock(3, 10 * kMB, 20'000);
    links.pair(0, 1).cut = true;
    Plan plan;
    plan.members = 3;
    plan.parts = {{kShares, 0, Shape::star, 0, 0}};
    plan.relays = {{0, 1, 2}};
    // 2 sends its own and 1's input to 0, which sends both results to 2.
    EXPECT_NEAR(simulate(plan, Net(links), work_of(10 * kMB), {.pieces_max = 1}), 2 * (2 + 0.01) + 0.02 + 1,
                1.1);
    EXPECT_GT(simulate(plan, Net(links), work_of(10 * kMB), {.pieces_max = 16}), 2.0);
}

TEST(Simulate, EndsWhereTimesDifferBeyondWhatNumbersHold) {
    Links links = even_flock(5, limits::kPlanRateMax, 1);
    links.member(2) = {1, 1, 0};
    links.pair(0, 1).rate = 1;
    const Net net(links);
    const Choice choice = plan_for(links, work_of(uint64_t{1} << 49));
    EXPECT_GT(simulate(choice.plan(), net, work_of(uint64_t{1} << 49)), 5e14);
}

TEST(Bound, OfLinesOfAllAndOfAThinCut) {
    Links links = even_flock(4, 10 * kMB, 20'000);
    Bound bound = slowest_cut(Net(links), work_of(10 * kMB));
    EXPECT_NEAR(bound.seconds, 1.5 + 0.01, 1e-6);  // 2(n-1)/n
    EXPECT_EQ(bound.sets, 4u);
    links.member(2).up = kMB;
    bound = slowest_cut(Net(links), work_of(10 * kMB));
    EXPECT_NEAR(bound.seconds, 10 + 0.01, 1e-6);
    EXPECT_EQ(bound.set, (std::vector<Member>{2}));
    links = even_flock(4, 10 * kMB, 20'000);
    for (const auto& [a, b] : {std::pair{0, 2}, {0, 3}, {1, 2}, {1, 3}}) links.pair(a, b).rate = kMB / 10;
    bound = slowest_cut(Net(links), work_of(10 * kMB));
    EXPECT_NEAR(bound.seconds, 10 / 0.4 + 0.01, 1e-6);
    EXPECT_EQ(bound.cause, Bound::Cause::send);
    EXPECT_EQ(bound.set, (std::vector<Member>{0, 1}));
    EXPECT_EQ(slowest_cut(Net(Links(1)), work_of(1)).seconds, 0);
}

TEST(LinkText, ReadsWhatItDocuments) {
    const auto flock = parse_links(
        "# a comment\nhost fra region=eu up=100mbit down=1.5gbit up_queue=50ms\nhost ams region=eu\n"
        "host sin region=asia up=unlimited\nlink * * rtt=10ms jitter=1ms loss=1%\nlink eu asia rate=2MB/s\n"
        "oneway sin fra delay=75ms\noneway fra,ams sin delay=82ms\ncut ams sin\nseed 4\n");
    ASSERT_TRUE(flock.ok()) << flock.error().detail;
    const Links& links = flock->links;
    EXPECT_EQ(flock->names, (std::vector<std::string>{"fra", "ams", "sin"}));
    EXPECT_EQ(flock->regions, (std::vector<std::string>{"", "eu", "asia"}));
    EXPECT_EQ(links.member(0), (Links::Member{12'500'000, 187'500'000, 1}));
    EXPECT_EQ(links.member(2).up, limits::kPlanRateMax);
    EXPECT_EQ(links.pair(0, 1), (Links::Pair{0, 10'000, false}));
    EXPECT_EQ(links.pair(0, 2), (Links::Pair{2'000'000, 157'000, false}));
    EXPECT_EQ(links.pair(2, 0), links.pair(0, 2));
    EXPECT_TRUE(links.pair(1, 2).cut && links.pair(2, 1).cut);
}

TEST(LinkText, SaysWhatIsWrongAndWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"host a\n", "fewer than two hosts"},
        {"host a\nhost a\n", "line 2: there are two hosts 'a'"},
        {"host a\nhost *\n", "line 2: '*' is no host's name"},
        {"host a\nhost b speed=1\n", "line 2: a host has no 'speed'"},
        {"host a\nhost b up=fast\n", "line 2: 'fast' is no rate"},
        {"host a\nhost b\nlink a c rtt=1ms\n", "line 3: no host 'c'"},
        {"host a\nhost b\nlink a b rtt=1\n", "line 3: '1' is no time"},
        {"host a\nhost b\nlink a b color=red\n", "line 3: a link has no 'color'"},
        {"host a\nhost b\nlink a b\n", "line 3: usage: link A B KEY=VALUE..."},
        {"host a\nhost b\nlink a b rtt=1ms\nhost c\n", "line 4: hosts come before the links"},
        {"hots a\n", "line 1: unknown statement 'hots'"},
    };
    for (const auto& [text, what] : cases) {
        const auto flock = parse_links(text);
        ASSERT_FALSE(flock.ok()) << text;
        EXPECT_NE(flock.error().detail.find(what), std::string::npos) << flock.error().detail;
    }
}

}  // namespace
}  // namespace whim::plan

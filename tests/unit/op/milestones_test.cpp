// Goal: whoever is far behind the others is found, after the grace and no sooner, and nobody else is.
// Method: members that deliver units at rates of their own, milliseconds at a time.
#include "collectives/op/milestones.h"

#include <gtest/gtest.h>

namespace whim::op {
namespace {

constexpr Duration kGrace = milliseconds(200);

struct Flock {
    std::vector<uint32_t> due;
    std::vector<double> per_ms;  // units
    std::vector<int64_t> from_ms = std::vector<int64_t>(due.size(), 0);
    uint32_t enough = 3;
    Rank self{0};
    std::vector<bool> expected = std::vector<bool>(due.size(), true);

    // When somebody was first found behind, and who; -1: nobody within a minute.
    std::pair<int64_t, std::vector<Rank>> first_behind() const {
        Milestones milestones;
        milestones.begin({}, due, kGrace);
        std::vector<uint32_t> delivered(due.size(), 0);
        for (int64_t ms = 0; ms < 60'000; ++ms) {
            const Instant now{milliseconds(ms).ns};
            for (uint32_t r = 0; r < due.size(); ++r) {
                const auto reached = static_cast<double>(std::max<int64_t>(0, ms - from_ms[r])) * per_ms[r];
                while (delivered[r] < due[r] && delivered[r] < reached) {
                    ++delivered[r];
                    milestones.advance({r}, now);
                }
            }
            if (!milestones.next() || *milestones.next() > now) continue;
            const std::vector<Rank> behind = milestones.behind(now, expected, enough, self);
            if (!behind.empty()) return {ms, behind};
        }
        return {-1, {}};
    }
};

TEST(Milestones, ATenthOfTheRateIsFoundAGraceAfterTheFirstStep) {
    const Flock flock{.due = {64, 64, 64, 64}, .per_ms = {0.1, 0.1, 0.1, 0.01}};
    const auto [ms, who] = flock.first_behind();
    EXPECT_EQ(who, std::vector<Rank>{{3}});
    EXPECT_GE(ms, 200 + 30);
    EXPECT_LE(ms, 200 + 50);
}

TEST(Milestones, ASteadyDelayBelowTheGraceIsNotBehind) {
    const Flock flock{.due = {64, 64, 64, 64}, .per_ms = {0.1, 0.1, 0.1, 0.1}, .from_ms = {0, 0, 0, 190}};
    EXPECT_EQ(flock.first_behind().first, -1);
}

TEST(Milestones, ALittleSlowerIsWaitedForUntilTheOthersAreDone) {
    const Flock flock{.due = {640, 640, 640, 640}, .per_ms = {0.1, 0.1, 0.1, 0.08}};
    const auto [ms, who] = flock.first_behind();
    EXPECT_EQ(who, std::vector<Rank>{{3}});
    EXPECT_NEAR(static_cast<double>(ms), 6400 + 200, 20);
}

// Most are done, one has most of what it owes and may wait for the one that has little: which goes first.
TEST(Milestones, WhoMayWaitForACrawlerIsNotBlamedWithIt) {
    const std::vector<uint32_t> delivered{12, 12, 12, 10, 6};
    Milestones milestones;
    milestones.begin({}, std::vector<uint32_t>(5, 12), kGrace);
    for (uint32_t r = 0; r < 5; ++r) {
        for (uint32_t unit = 0; unit < delivered[r]; ++unit) milestones.advance({r}, {});
    }
    Instant now = Instant{} + kGrace;
    std::vector<bool> expected(5, true);
    EXPECT_EQ(milestones.behind(now, expected, 3, {0}), std::vector<Rank>{{4}});
    expected[4] = false;  // it is gone, and nothing more has come
    ASSERT_EQ(milestones.next(), now + kGrace);
    now = now + kGrace;
    EXPECT_EQ(milestones.behind(now, expected, 3, {0}), std::vector<Rank>{{3}});
}

TEST(Milestones, WhoeverIsSlowFindsAllTheOthersAlike) {
    // As seen by the last: of all others little comes, and not the same of each.
    const Flock flock{.due = {64, 64, 64, 64}, .per_ms = {0.010, 0.009, 0.007, 0.012}};
    EXPECT_GT(flock.first_behind().first, 5000) << "not before what its line carries first is all there";
}

TEST(Milestones, MoreToDeliverIsNotSlower) {
    const Flock flock{.due = {10, 10, 12, 200}, .per_ms = {0.1, 0.1, 0.1, 0.1}};
    EXPECT_EQ(flock.first_behind().first, -1);
}

TEST(Milestones, WhoHasNothingToDeliverIsNotWaitedFor) {
    const Flock flock{.due = {64, 64, 64, 0}, .per_ms = {0.1, 0.1, 0.005, 0}};
    const auto [ms, who] = flock.first_behind();
    EXPECT_EQ(who, std::vector<Rank>{{2}});
    EXPECT_LE(ms, 260);
}

TEST(Milestones, OfTwoOnlyAThirdCanTell) {
    Flock flock{.due = {64, 64, 0}, .per_ms = {0.1, 0.001, 0}, .enough = 1};
    EXPECT_EQ(flock.first_behind().first, -1);
    flock.self = {2};
    EXPECT_EQ(flock.first_behind().second, std::vector<Rank>{{1}});
}

TEST(Milestones, WhoIsGoneIsNeitherBehindNorAhead) {
    const Flock flock{.due = {64, 64, 64, 64},
                      .per_ms = {0.1, 0.1, 0, 0.01},
                      .enough = 2,
                      .expected = {true, true, false, true}};
    EXPECT_EQ(flock.first_behind().second, std::vector<Rank>{{3}});
}

}  // namespace
}  // namespace whim::op

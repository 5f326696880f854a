// Goal: an op waits exactly as long as quorum, grace and budget say, and says why; the grace learnt from
// arrivals covers the usual, leaves stragglers out, takes them back when they recover, and does not go back
// and forth. Method: each branch of the decision; then scripted flocks (steady, one ten times as slow,
// bursts, a recovery) over hundreds of ops, each learnt from as an op would be: closed by the grace in force.
#include "collectives/op/quorum.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"

namespace whim::op {
namespace {

using Kind = QuorumDecision::Kind;

Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

constexpr QuorumRules kTwoAndSome{2, milliseconds(40), milliseconds(500)};

QuorumDecision ask(int64_t now_ms, const Arrivals& arrivals, const QuorumRules& rules) {
    return decide_quorum(at(now_ms), at(0), arrivals, std::vector<bool>(arrivals.size(), true), rules);
}

TEST(Quorum, WaitsForTheQuorumThenTheGrace) {
    Arrivals arrivals(4);
    QuorumDecision decision = ask(10, arrivals, kTwoAndSome);
    EXPECT_EQ(decision.kind, Kind::wait);
    EXPECT_EQ(decision.until, at(500));
    EXPECT_EQ(decision.reason, "0 of 4 contributions arrived; 2 are needed");
    arrivals[3] = at(20);
    arrivals[1] = at(30);
    decision = ask(30, arrivals, kTwoAndSome);
    EXPECT_EQ(decision.kind, Kind::wait);
    EXPECT_EQ(decision.until, at(70));
    arrivals[0] = at(60);  // no new grace
    EXPECT_EQ(ask(69, arrivals, kTwoAndSome).until, at(70));
    decision = ask(70, arrivals, kTwoAndSome);
    EXPECT_EQ(decision.kind, Kind::finish);
    EXPECT_EQ(decision.without, (std::vector<Rank>{{2}}));
    EXPECT_EQ(decision.reason, "3 of 4 contributions arrived; 40 ms of grace after the quorum of 2 are over");
}

TEST(Quorum, EverybodyEndsTheWaitAtOnce) {
    const QuorumDecision decision = ask(31, {at(1), at(30), at(2)}, kTwoAndSome);
    EXPECT_EQ(decision.kind, Kind::finish);
    EXPECT_TRUE(decision.without.empty());
    EXPECT_EQ(ask(0, {}, {}).kind, Kind::finish);
}

TEST(Quorum, TheBudgetCutsTheGraceAndTheWait) {
    const Arrivals late = {at(480), at(490), {}};
    EXPECT_EQ(ask(490, late, kTwoAndSome).until, at(500));
    const QuorumDecision cut = ask(500, late, kTwoAndSome);
    EXPECT_EQ(cut.kind, Kind::finish);
    EXPECT_EQ(cut.without, (std::vector<Rank>{{2}}));
    const QuorumDecision few = ask(500, {at(1), {}, {}}, kTwoAndSome);
    EXPECT_EQ(few.kind, Kind::too_few);
    EXPECT_EQ(few.without, (std::vector<Rank>{{1}, {2}}));
    EXPECT_EQ(few.reason, "1 of 3 contributions arrived; the budget of 500 ms is spent");
}

TEST(Quorum, WithoutRulesItWaitsForAllForEver) {
    const QuorumDecision decision = ask(1'000'000, {at(1), {}, at(2)}, {});
    EXPECT_EQ(decision.kind, Kind::wait);
    EXPECT_FALSE(decision.until);
    EXPECT_EQ(ask(1000, {at(1), {}}, {0, {}, milliseconds(1000)}).kind, Kind::too_few);
}

TEST(Quorum, DeathsTakeFromTheExpectedNotFromTheArrived) {
    const Arrivals arrivals = {at(1), {}, {}, {}};
    const QuorumRules rules{2, milliseconds(5), {}};
    QuorumDecision decision = decide_quorum(at(9), at(0), arrivals, {false, true, false, false}, rules);
    EXPECT_EQ(decision.kind, Kind::wait);
    decision = decide_quorum(at(9), at(0), arrivals, {false, false, false, false}, rules);
    EXPECT_EQ(decision.kind, Kind::too_few);
    EXPECT_EQ(decision.reason, "1 of 1 contributions arrived; 2 are needed");
    EXPECT_EQ(decide_quorum(at(9), at(0), arrivals, {false, false, false, false}, {}).kind, Kind::finish);
}

// A flock whose ranks arrive at base plus jitter; scripts change base_ms.
class Flock {
public:
    Flock(std::vector<int64_t> base_ms, uint32_t quorum) : base_ms_(std::move(base_ms)), quorum_(quorum) {}

    std::vector<int64_t>& base_ms() { return base_ms_; }
    const ArrivalHistory& history() const { return history_; }
    Duration grace() const { return history_.grace(quorum_); }
    uint64_t left_out(size_t rank) const { return left_out_[rank]; }
    uint64_t turns(size_t rank) const { return turns_[rank]; }

    // One op; once in burst_in somebody's contribution takes ten times as long.
    void op(uint32_t burst_in = 0) {
        const size_t n = base_ms_.size();
        const size_t burst = burst_in && random_.chance(1, burst_in) ? random_.below(n) : n;
        Arrivals truth(n);
        for (size_t r = 0; r < n; ++r) {
            const int64_t us = base_ms_[r] * (r == burst ? 10'000 : 1000);
            truth[r] = Instant{} + microseconds(us + us * random_.between(-5, 5) / 100);
        }
        const std::vector<bool> expected(n, true);
        const QuorumRules rules{quorum_, grace(), {}};
        Instant now{};
        QuorumDecision decision = decide_quorum(now, {}, truth, expected, rules);
        while (decision.kind == Kind::wait) {
            std::optional<Instant> next = decision.until;
            for (const auto& arrival : truth) {
                if (*arrival > now) next = earlier(next, arrival);
            }
            now = *next;
            decision = decide_quorum(now, {}, truth, expected, rules);
        }
        for (const Rank r : decision.without) ++left_out_[r.value];
        wall_ = now - Instant{};
        std::vector<bool> before(n);
        for (uint32_t r = 0; r < n; ++r) before[r] = history_.straggles({r});
        history_.learn(truth, expected, now);
        for (uint32_t r = 0; r < n; ++r) turns_[r] += before[r] != history_.straggles({r});
    }

    void ops(int count, uint32_t burst_in = 0) {
        left_out_.assign(base_ms_.size(), 0);
        turns_.assign(base_ms_.size(), 0);
        for (int i = 0; i < count; ++i) op(burst_in);
    }

    Duration wall() const { return wall_; }

private:
    std::vector<int64_t> base_ms_;
    uint32_t quorum_;
    ArrivalHistory history_{static_cast<uint32_t>(base_ms_.size())};
    Prng random_{71};
    Duration wall_{};
    std::vector<uint64_t> left_out_ = std::vector<uint64_t>(base_ms_.size());
    std::vector<uint64_t> turns_ = left_out_;
};

TEST(Grace, IsGenerousUntilItHasLearnt) {
    Flock flock({100, 110, 120, 130}, 3);
    EXPECT_EQ(flock.grace(), limits::kGraceUnlearnt);
    flock.ops(4);
    EXPECT_EQ(flock.grace(), limits::kGraceUnlearnt);
    flock.op();
    EXPECT_LT(flock.grace(), limits::kGraceUnlearnt);
}

TEST(Grace, SteadyContributorsAreNeverLeftOut) {
    Flock flock({100, 110, 120, 130}, 3);
    flock.ops(20);
    flock.ops(500);
    for (size_t r = 0; r < 4; ++r) {
        EXPECT_EQ(flock.left_out(r), 0u) << r;
        EXPECT_EQ(flock.turns(r), 0u) << r;
    }
    EXPECT_GE(flock.grace(), milliseconds(10));
    EXPECT_LE(flock.grace(), milliseconds(40));
}

TEST(Grace, OneStragglerTenTimesAsSlowIsNotWaitedFor) {
    Flock flock({100, 110, 120, 1000}, 3);
    flock.ops(20);
    flock.ops(500);
    EXPECT_TRUE(flock.history().straggles({3}));
    EXPECT_EQ(flock.left_out(3), 500u);
    EXPECT_EQ(flock.turns(3), 0u);
    for (size_t r = 0; r < 3; ++r) EXPECT_EQ(flock.left_out(r), 0u) << r;
    EXPECT_LE(flock.wall(), milliseconds(126 + 10));  // the third at the latest, and the least grace
}

TEST(Grace, AQuorumThatNeedsTheStragglerWaitsForIt) {
    Flock flock({100, 110, 120, 1000}, 4);
    flock.ops(50);
    EXPECT_EQ(flock.left_out(3), 0u);
    EXPECT_EQ(flock.grace(), limits::kGraceMin);
}

TEST(Grace, BurstsMakeNobodyAStragglerAndCostLittle) {
    Flock flock({100, 110, 120, 130, 115, 125}, 4);
    flock.ops(20);
    constexpr int kOps = 1000;
    flock.ops(kOps, 10);
    uint64_t left_out = 0;
    for (uint32_t r = 0; r < 6; ++r) {
        left_out += flock.left_out(r);
        EXPECT_LE(flock.turns(r), 2u) << r;
    }
    EXPECT_LE(left_out, kOps / 10 * 1.3) << "more than the bursts themselves";
    EXPECT_LE(flock.grace(), milliseconds(200));
}

TEST(Grace, ARecoveringStragglerIsTakenBack) {
    Flock flock({100, 110, 120, 1000}, 3);
    flock.ops(50);
    ASSERT_TRUE(flock.history().straggles({3}));
    flock.base_ms()[3] = 125;
    flock.ops(60);
    EXPECT_FALSE(flock.history().straggles({3}));
    EXPECT_EQ(flock.turns(3), 1u);
    flock.ops(200);
    EXPECT_EQ(flock.left_out(3), 0u);
    flock.base_ms()[3] = 1000;  // and is let go again
    flock.ops(60);
    EXPECT_TRUE(flock.history().straggles({3}));
    EXPECT_EQ(flock.turns(3), 1u);
}

TEST(Grace, AContributorNearTheThresholdDoesNotFlap) {
    for (const int64_t base : {130, 135, 140, 145, 150, 160, 180}) {
        Flock flock({100, 110, 115, 120, base}, 4);
        flock.ops(20);
        flock.ops(1000);
        EXPECT_LE(flock.turns(4), 4u) << base;
    }
}

TEST(Grace, ThoseWhoNeverArriveInTimeTeachNoMoreThanTheWait) {
    ArrivalHistory history(3);
    for (int i = 0; i < 20; ++i) history.learn({at(0), at(10), {}}, {true, true, true}, at(30));
    EXPECT_EQ(history.usual_offset({2}), milliseconds(30));
    EXPECT_GE(history.grace(2), limits::kGraceMin);
    ArrivalHistory alone(2);
    for (int i = 0; i < 20; ++i) alone.learn({at(0), {}}, {true, true}, at(30));
    EXPECT_EQ(alone.grace(1), limits::kGraceUnlearnt);
}

TEST(Grace, StaysWithinItsLimitsWhateverArrives) {
    Prng random(5);
    ArrivalHistory history(3);
    for (int i = 0; i < 2000; ++i) {
        Arrivals arrivals(3);
        for (auto& arrival : arrivals) {
            if (random.chance(4, 5))
                arrival = Instant{static_cast<int64_t>(random.next() >> random.between(2, 40))};
        }
        history.learn(arrivals, {true, true, random.chance(1, 2)},
                      Instant{static_cast<int64_t>(random.next() >> 2)});
        const Duration grace = history.grace(static_cast<uint32_t>(random.below(5)));
        ASSERT_GE(grace, limits::kGraceMin);
        ASSERT_LE(grace, limits::kGraceMax);
    }
}

}  // namespace
}  // namespace whim::op

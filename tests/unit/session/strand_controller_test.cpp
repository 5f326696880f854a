// The strand controller on modelled paths, and its rules one by one by hand-made readings.
#include "transport/session/strand_controller.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "stress/path_model.h"

namespace whim {
namespace {

constexpr uint32_t kMost = limits::kStrandsPerLinkMax - 1;

// A far path with `rate` bytes per second for each strand, up to `most` in all; 200 ms a look.
struct Hand {
    StrandController controller{kMost};
    Instant now{};
    StrandReading reading;
    uint64_t per_strand = 1'000'000;
    uint64_t at_most = 1'000'000'000;

    Hand() {
        reading.elapsed = milliseconds(200);
        reading.backlogged = true;
        reading.rtt_min = reading.rtt_smoothed = milliseconds(80);
        controller.learn_path(milliseconds(80), now);
    }
    void run(Duration time) {
        for (const Instant until = now + time; now < until;) {
            now = now + reading.elapsed;
            reading.strands = controller.wanted();
            reading.bytes_acked = std::min(per_strand * controller.wanted(), at_most) / 5;
            controller.look(reading, now);
        }
    }
    void break_one(Duration then) {
        reading.broken = 1;
        run(reading.elapsed);
        reading.broken = 0;
        run(then);
    }
    uint32_t wanted() const { return controller.wanted(); }
};

TEST(StrandController, BeginsWithOneOnAShortPathAndSeveralOnALongOne) {
    StrandController near(kMost), far(kMost), few(2), known(kMost, 9);
    EXPECT_EQ(near.wanted(), 1u);
    near.learn_path(microseconds(50), {});
    far.learn_path(milliseconds(80), {});
    few.learn_path(milliseconds(80), {});
    known.learn_path(milliseconds(80), {});
    EXPECT_EQ(near.wanted(), 1u);
    EXPECT_EQ(far.wanted(), limits::kStrandsFar);
    EXPECT_EQ(few.wanted(), 2u);
    EXPECT_EQ(known.wanted(), 9u) << "what a path took before is remembered";
}

TEST(StrandController, GrowsAsLongAsBuffersHoldBackAndItPays) {
    Hand hand;
    hand.reading.buffer_limited = hand.reading.elapsed;
    hand.at_most = 16'000'000;
    hand.run(seconds(6));
    EXPECT_GE(hand.wanted(), 16u) << hand.controller.reason();
}

TEST(StrandController, TakesBackWhatBringsNothing) {
    Hand hand;
    hand.at_most = 4'000'000;  // four fill it
    uint32_t highest = 0;
    for (int i = 0; i < 600; ++i) {
        hand.run(milliseconds(200));
        highest = std::max(highest, hand.wanted());
    }
    EXPECT_EQ(highest, 8u) << "tried once in a while";
    EXPECT_EQ(hand.wanted(), 4u);
    EXPECT_EQ(hand.controller.reason(), "8 brought no more than 4");
}

TEST(StrandController, LetsGoWhenTheQueueOverflows) {
    Hand hand;
    hand.at_most = 500'000;  // one is enough
    hand.reading.rtt_smoothed = milliseconds(130);
    hand.reading.bytes_retransmitted = 10'000;
    hand.run(seconds(20));
    EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
}

TEST(StrandController, LetsGoOnAThinPathWhoseQueueStands) {
    Hand hand;
    hand.at_most = 1'000'000;  // 8 Mbit/s
    hand.reading.rtt_smoothed = milliseconds(130);
    hand.run(seconds(20));
    EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
}

TEST(StrandController, LetsGoOfACrowdThatMakesItsOwnLosses) {
    Hand hand;
    hand.per_strand = 5'000'000;
    hand.at_most = 5'000'000;
    hand.reading.bytes_retransmitted = 100'000;  // a tenth, and no queue to be seen
    hand.run(seconds(20));
    EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
}

// A full queue, which one strand would leave as full.
TEST(StrandController, KeepsTwoWhereConnectionsBreakUntilTheyStopTo) {
    Hand hand;
    hand.per_strand = hand.at_most = 5'000'000;
    hand.reading.bytes_retransmitted = 100'000;
    hand.run(seconds(5));
    EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
    hand.break_one(seconds(60));
    EXPECT_EQ(hand.wanted(), 1u) << "one may be an accident";
    hand.break_one(seconds(2));
    hand.break_one(seconds(2));
    EXPECT_EQ(hand.wanted(), limits::kStrandsFar) << hand.controller.reason();
    hand.run(seconds(25));
    EXPECT_EQ(hand.wanted(), limits::kStrandsFar);
    hand.run(seconds(15));
    EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
}

TEST(StrandController, KeepsFewWhereConnectionsOfAThinPathBreak) {
    Hand hand;
    hand.at_most = 500'000;
    hand.reading.rtt_smoothed = milliseconds(130);
    hand.run(seconds(20));
    for (int i = 0; i < 10; ++i) {
        hand.break_one(seconds(2));
        EXPECT_EQ(hand.wanted(), 1u) << hand.controller.reason();
    }
}

TEST(StrandController, DoesNotGrowIntoAFullQueue) {
    Hand hand;
    hand.per_strand = 5'000'000;
    hand.reading.rtt_smoothed = milliseconds(130);
    hand.reading.loss_limited = true;
    hand.reading.bytes_retransmitted = 100;
    hand.run(seconds(60));
    EXPECT_EQ(hand.wanted(), limits::kStrandsFar);
}

TEST(StrandController, DecidesNothingWhenThereIsTooLittleToSend) {
    Hand hand;
    hand.reading.buffer_limited = hand.reading.elapsed;
    hand.reading.backlogged = false;
    hand.run(seconds(60));
    EXPECT_EQ(hand.wanted(), limits::kStrandsFar);
    EXPECT_EQ(hand.controller.rate(), 0u);
}

TEST(StrandController, GrowsWhereWindowsHoldLessThanThePace) {
    Hand hand;
    hand.reading.below_pace = true;
    hand.at_most = 6'000'000;
    hand.run(seconds(20));
    EXPECT_GE(hand.wanted(), 6u) << hand.controller.reason();
}

// A slow start fills the queue before a pace is found, and halves windows that are needed then.
TEST(StrandController, WhatOverflowedBeforeAPaceWasKnownSaysNothing) {
    for (const bool found : {false, true}) {
        Hand hand;
        hand.run(milliseconds(600));
        hand.reading.rtt_smoothed = milliseconds(150);
        hand.reading.bytes_retransmitted = 40'000;
        hand.run(hand.reading.elapsed);
        ASSERT_EQ(hand.wanted(), limits::kStrandsFar);
        hand.reading.pace_is_new = found;
        hand.run(hand.reading.elapsed * 2);
        hand.reading.pace_is_new = false;
        hand.reading.bytes_retransmitted = 0;
        hand.reading.rtt_smoothed = milliseconds(80);
        uint32_t least = hand.wanted();
        for (int i = 0; i < 10; ++i) hand.run(hand.reading.elapsed), least = std::min(least, hand.wanted());
        EXPECT_EQ(least < limits::kStrandsFar, !found) << hand.controller.reason();
    }
}

TEST(StrandController, ATrialThatBeganBeforeAPaceWasKnownEnds) {
    Hand hand;
    hand.run(milliseconds(600));
    hand.reading.rtt_smoothed = milliseconds(150);
    hand.reading.bytes_retransmitted = 40'000;
    while (hand.wanted() == limits::kStrandsFar && hand.now < Instant{} + seconds(5))
        hand.run(hand.reading.elapsed);
    ASSERT_LT(hand.wanted(), limits::kStrandsFar);
    hand.reading.bytes_retransmitted = 0;
    hand.reading.pace_is_new = true;
    hand.run(hand.reading.elapsed);
    EXPECT_EQ(hand.wanted(), limits::kStrandsFar) << hand.controller.reason();
}

TEST(StrandController, StaysWithinItsBounds) {
    Hand hand;
    hand.reading.loss_limited = true;
    hand.reading.bytes_retransmitted = 1;
    hand.run(seconds(100));
    EXPECT_EQ(hand.wanted(), kMost);
}

TEST(StrandController, ComesNearTheBestFixedNumberOnEveryModelledPath) {
    for (const bool loss_based : {true, false})
        for (const double loss : {0.0, 1e-4, 1e-3, 1e-2})
            for (const double rate : {1e8, 1e9})
                for (const int rtt : {10, 80, 250}) {
                    stress::PathShape shape;
                    shape.bits_per_second = rate;
                    shape.rtt = milliseconds(rtt);
                    shape.loss = loss;
                    shape.loss_based = loss_based;
                    const stress::Convergence tuned = stress::converge(shape, 1, 60, kMost);
                    double end = 0, best = 0;
                    for (size_t s = 40; s < 60; ++s) end += tuned.rate[s] / 20;
                    for (const uint32_t n : {1u, 4u, 16u, 32u})
                        best = std::max(best, stress::fixed_rate(shape, 1, 60, n));
                    EXPECT_GE(end, best * 0.77) << (loss_based ? "cubic " : "bbr ") << rate << " bit/s "
                                                << rtt << " ms loss " << loss << ": " << tuned.strands.back();
                }
}

}  // namespace
}  // namespace whim

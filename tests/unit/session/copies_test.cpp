// Copies: after a loss short bursts are sent twice, over another strand than the first time; long ones and
// those over paths that keep what they are given are not.
#include <gtest/gtest.h>

#include "test_peer.h"
#include "transport/session/burst.h"

namespace whim::testing {
namespace {

class Copies : public ::testing::Test {
protected:
    void SetUp() override {
        net.latency = milliseconds(5);
        net.window = 3'000'000;
        net.cut = 100'000;
        join(net, a, b, 2);
        net.run_for(seconds(1));
        learn_strands();
    }
    void lose_a_strand() {
        net.reset_one(1);
        net.run_for(seconds(1));  // it is back, and heartbeats have looked
        learn_strands();
    }
    // The two bulk strands that are there, by what they wrote last.
    void learn_strands() {
        std::map<StrandHandle, size_t> alive;
        for (const auto& [strand, bytes] : a.node.written) {
            if (a.endpoint.carries_bulk(strand).value_or(false)) alive[strand] = bytes;
        }
        ASSERT_EQ(alive.size(), 2u);
        one = alive.begin()->first, two = std::next(alive.begin())->first;
    }
    uint64_t copied() { return a.endpoint.stats(b.key())->bytes_copied; }
    uint64_t written() { return a.node.written[one] + a.node.written[two]; }

    MemoryNet net{1};
    TestPeer a{net, 1, nullptr, "run", 0, 1'000}, b{net, 2, nullptr, "run", 0, 1'000};
    StrandHandle one, two;
};

TEST_F(Copies, NothingIsSentTwiceWhereNothingIsLost) {
    const uint64_t before = written();
    a.give(b.key(), 20'000);
    net.run_for(seconds(1));
    EXPECT_EQ(b.received.size(), 1u);
    EXPECT_EQ(copied(), 0u);
    EXPECT_LT(written() - before, 23'000u);
}

TEST_F(Copies, AfterALossAShortBurstArrivesThoughAStrandStandsStill) {
    lose_a_strand();
    for (const StrandHandle stuck : {one, two}) {
        const size_t had = b.received.size();
        a.give(b.key(), 500);  // one part: all of it is on one strand
        a.give(b.key(), 500);
        net.run_for(milliseconds(2));
        a.node.held = {stuck};
        net.run_for(milliseconds(50));
        EXPECT_EQ(b.received.size(), had + 2);
        a.node.held.clear();
        net.run_for(seconds(1));
    }
    for (const auto& [cookie, times] : b.received) EXPECT_EQ(times, 1) << cookie;
    EXPECT_GE(copied(), 1'000u);
    EXPECT_LE(copied(), 2'000u) << "each once";
    EXPECT_EQ(a.pinned_first, 4u) << "who counts what is sent counts it once";
    EXPECT_GT(a.pinned_again, 0u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST_F(Copies, ALongBurstIsNotSentTwice) {
    lose_a_strand();
    for (int i = 0; i < 40; ++i) a.give(b.key(), 100'000);
    net.run_for(seconds(2));
    EXPECT_EQ(b.received.size(), 40u);
    EXPECT_LE(copied(), limits::kShortBurstBytes) << "what was left of it when it looked short";
}

TEST_F(Copies, LossesAreForgotten) {
    lose_a_strand();
    net.run_for(limits::kCopiesAfterLoss + seconds(1));
    a.give(b.key(), 20'000);
    net.run_for(seconds(1));
    EXPECT_EQ(copied(), 0u);
}

// Two tuned strands over 80 ms; what the system tells of each is made up here.
class LossyPath : public ::testing::Test {
protected:
    void SetUp() override {
        for (TestPeer* peer : {&a, &b}) {
            peer->node.path = [this](StrandHandle strand) {
                PathSample sample;
                sample.rtt_min = sample.rtt_smoothed = milliseconds(80);
                sample.bytes_retransmitted = again[strand];
                return sample;
            };
        }
        LinkOptions dials = dial_options(b.node, 32), waits = wait_options(a.node, 32);
        dials.tune_strands = waits.tune_strands = true;
        a.endpoint.open_link(b.key(), dials, net.now);
        b.endpoint.open_link(a.key(), waits, net.now);
        net.run_for(seconds(2));
        ASSERT_EQ(strands(), limits::kStrandsFar);
    }
    uint32_t strands() { return a.endpoint.stats(b.key())->strands; }
    // Bulk strands of a, in the order in which they were made.
    std::vector<StrandHandle> bulk() {
        std::vector<StrandHandle> all;
        for (const auto& [strand, bytes] : a.node.written) {
            if (a.endpoint.carries_bulk(strand).value_or(false)) all.push_back(strand);
        }
        return all;
    }
    MemoryNet net{3};
    TestPeer a{net, 1}, b{net, 2};
    std::map<StrandHandle, uint64_t> again;
};

TEST_F(LossyPath, ShortBurstsGoOverMoreStrandsInShortTurns) {
    EXPECT_EQ(a.endpoint.turn_bytes(bulk().front()), limits::kTurnBytesMax);
    again[bulk().front()] = 1448;
    net.run_for(seconds(1));
    EXPECT_EQ(strands(), limits::kStrandsLossy);
    EXPECT_EQ(a.endpoint.stats(b.key())->strands_used, limits::kStrandsFar) << "for long ones";
    for (const StrandHandle strand : bulk()) EXPECT_EQ(a.endpoint.turn_bytes(strand), limits::kPartBytes);
    for (int i = 0; i < 8; ++i) a.give(b.key(), 20'000);
    net.run_for(seconds(1));
    EXPECT_EQ(b.received.size(), 8u);
    for (const StrandHandle strand : bulk()) EXPECT_GT(a.node.written[strand], 20'000u);
}

TEST_F(LossyPath, LossesOnTheFurtherStrandsCount) {
    again[bulk().front()] = 1448;
    net.run_for(seconds(1));
    ASSERT_EQ(bulk().size(), limits::kStrandsLossy);
    for (int i = 0; i < 3; ++i) {
        again[bulk().back()] += 1448;
        net.run_for(milliseconds(1200));
    }
    const LinkStats stats = *a.endpoint.stats(b.key());
    EXPECT_EQ(stats.bytes_retransmitted, 4u * 1448);
    EXPECT_TRUE(stats.lossy);
}

TEST(Burst, EndsWithAPause) {
    Burst burst;
    const Duration trip = milliseconds(100);
    Instant now{};
    burst.sent(1'000, trip, now);
    burst.sent(1'000, trip, now + milliseconds(50));
    EXPECT_EQ(burst.bytes(), 2'000u);
    burst.sent(1'000, trip, now + milliseconds(101));
    EXPECT_EQ(burst.bytes(), 1'000u);
}

}  // namespace
}  // namespace whim::testing

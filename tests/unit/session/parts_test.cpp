// Bulk frames in parts: over several strands at once, past one that stands still, through resets anywhere;
// and what no correct sender says about parts.
#include <gtest/gtest.h>

#include "bench.h"
#include "test_peer.h"
#include "transport/session/stand_in_channel.h"

namespace whim::testing {
namespace {

constexpr uint32_t kPart = 1'000;
constexpr uint32_t kTooMany = limits::kFramesAheadMax + 500;

// Two peers far enough apart that frames are cut, with three bulk strands.
class Parts : public ::testing::Test {
protected:
    void SetUp() override {
        net.latency = milliseconds(5);
        net.window = 4'000;
        join(net, a, b, 3);
        net.run_for(seconds(1));  // by now the round trip is known
        for (const auto& [strand, bytes] : a.node.written) strands.push_back(strand);
        ASSERT_EQ(strands.size(), 4u);
    }
    // A frame, and as soon as the first strand has begun with it, that one stands still.
    void give_and_stand_still() {
        a.give(b.key(), 90'000);
        net.run_for(milliseconds(1));
        a.node.stuck = {strands[1]};
        net.run_for(seconds(1));
        ASSERT_EQ(b.arriving(), 1u);
        ASSERT_TRUE(b.received.empty());
    }
    // The same with more small frames than may be begun after one that has not arrived.
    void give_too_many() {
        for (uint32_t i = 0; i < kTooMany; ++i) {
            a.give(b.key(), 100);
            if (i == 100) net.run_for(milliseconds(1)), a.node.stuck = {strands[1]};
        }
        net.run_for(seconds(20));
        ASSERT_LE(b.received.size(), limits::kFramesAheadMax + 101);
        ASSERT_GT(b.received.size(), limits::kFramesAheadMax);
    }
    uint64_t written(size_t strand) { return a.node.written[strands[strand]]; }
    LinkStats sender() { return *a.endpoint.stats(b.key()); }

    MemoryNet net{1};
    TestPeer a{net, 1, nullptr, "run", 0, kPart}, b{net, 2, nullptr, "run", 0, kPart};
    std::vector<StrandHandle> strands;  // of a, in order: the control strand first
};

TEST_F(Parts, AFrameTravelsOverSeveralStrands) {
    a.give(b.key(), 90'000);
    net.run_for(seconds(1));
    EXPECT_EQ(b.received, (std::map<uint64_t, int>{{1, 1}}));
    for (const size_t strand : {1, 2, 3}) EXPECT_GT(written(strand), 15'000u) << strand;
    EXPECT_LT(written(1) + written(2) + written(3), 95'000u) << "nothing twice";
    EXPECT_EQ(sender().bulk_frames_sent, 1u);
    EXPECT_EQ(sender().bulk_frames_resent, 0u);
    EXPECT_EQ(b.endpoint.stats(a.key())->bulk_frames_received, 1u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST_F(Parts, OthersTakeWhatAStrandThatStandsStillHadInHand) {
    give_and_stand_still();
    EXPECT_LT(written(1), 4'500u);
    EXPECT_GT(written(2) + written(3), 82'000u) << "all but what it was about to write";
    a.node.stuck.clear();
    net.run_for(seconds(1));
    EXPECT_EQ(b.received, (std::map<uint64_t, int>{{1, 1}}));
    EXPECT_EQ(sender().bulk_frames_resent, 0u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST_F(Parts, WhatALostStrandHadTakenGoesOverTheOthers) {
    give_and_stand_still();
    net.reset_one(1);
    net.run_for(seconds(1));
    EXPECT_EQ(b.received, (std::map<uint64_t, int>{{1, 1}}));
    EXPECT_GT(sender().bulk_frames_resent, 0u);
    EXPECT_LE(sender().bulk_frames_resent, 4u) << "parts, not frames";
    EXPECT_EQ(b.cut_short, 0);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST_F(Parts, FewFramesAreBegunAfterOneThatHasNotArrived) {
    give_too_many();
    a.node.stuck.clear();
    net.run_for(seconds(20));
    EXPECT_EQ(b.received.size(), kTooMany);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

// What waits to be sent again is not held back with what was not begun.
TEST_F(Parts, TheFrameThatHoldsTheOthersUpIsSentOnceMore) {
    give_too_many();
    net.reset_one(1);
    net.run_for(seconds(20));
    EXPECT_EQ(b.received.size(), kTooMany);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

// Many frames were under way on one strand. Sent again over two of which one stands still, no more are begun
// at the other side than it takes.
TEST_F(Parts, FramesThatAreSentAgainAreSentWhole) {
    net.window = 8u << 20;
    a.node.held = {strands[1]};
    a.node.stuck = {strands[2], strands[3]};
    for (int i = 0; i < 3'000; ++i) a.give(b.key(), 3 * kPart / 2);
    net.run_for(seconds(2));
    a.node.held = {strands[2]};
    a.node.stuck.clear();
    net.reset_one(1);
    net.run_for(seconds(5));
    EXPECT_LE(b.arriving(), limits::kFramesIncompleteMax);
    a.node.held.clear();
    net.run_for(seconds(20));
    EXPECT_EQ(b.received.size(), 3'000u);
    for (const auto& [cookie, times] : b.received) EXPECT_EQ(times, 1) << cookie;
    EXPECT_EQ(a.events, Events{"up fresh"}) << a.last_detail;
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST_F(Parts, AFrameGivenUpInTheMiddleEndsAtTheOtherSide) {
    give_and_stand_still();
    a.withdrawn = {1};
    net.reset_one(1);
    a.give(b.key(), 500);
    net.run_for(seconds(1));
    EXPECT_EQ(b.cut_short, 1);
    EXPECT_EQ(b.received, (std::map<uint64_t, int>{{2, 1}}));
    EXPECT_EQ(b.endpoint.stats(a.key())->bulk_frames_received, 1u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

// Whatever breaks and whatever is given up meanwhile, however small the parts: a frame arrives once, or
// (given up) once or never, and everybody's memory is free again. Every third seed behind a channel.
TEST(PartsProperty, EachFrameArrivesOnceWhateverBreaks) {
    uint64_t resent = 0, halfway = 0;
    int cut_short = 0;
    size_t lost = 0, whole = 0;  // of those that were given up
    SimChannelFactory channel_a(peer_id(1)), channel_b(peer_id(2));
    for (uint64_t seed = 1; seed <= 150; ++seed) {
        MemoryNet net(seed);
        Prng& prng = net.prng();
        net.window = 500 + prng.below(20'000);
        net.cut = 1 + prng.below(8'000);
        net.latency = microseconds(prng.between(2'000, 12'000));
        const uint32_t part_bytes = 50 + static_cast<uint32_t>(prng.below(prng.chance(1, 2) ? 500 : 8'000));
        const bool secure = seed % 3 == 0;
        TestPeer a(net, 1, secure ? &channel_a : nullptr, "run", 0, part_bytes);
        TestPeer b(net, 2, secure ? &channel_b : nullptr, "run", 0, part_bytes);
        join(net, a, b, 1 + static_cast<uint32_t>(prng.below(4)));
        net.run_for(milliseconds(500));
        size_t frames[2] = {0, 0};
        for (int i = 0; i < 30; ++i) {
            for (int n = 0; n < 3; ++n) {
                frames[0] += a.give(b.key(), prng.below(30'000));
                frames[1] += b.give(a.key(), prng.below(4'000));
            }
            net.run_for(milliseconds(prng.between(0, 60)));
            if (prng.chance(2, 3))
                a.withdrawn.insert(frames[0] - prng.below(std::min<size_t>(frames[0], 12)));
            const size_t live = net.live();
            if (prng.chance(1, 2)) net.reset_one();
            if (prng.chance(1, 20)) net.reset_all();
            if (net.live() < live) halfway += a.arriving() + b.arriving();
        }
        net.run_for(seconds(60));
        const std::string where = "seed " + std::to_string(seed) + "\n" + a.history() + a.last_detail;
        for (uint64_t cookie = 1; cookie <= frames[0]; ++cookie) {
            if (!a.withdrawn.contains(cookie)) ASSERT_EQ(b.received[cookie], 1) << cookie << " " << where;
            else ++(b.received.contains(cookie) ? whole : lost);
        }
        ASSERT_EQ(a.received.size(), frames[1]) << where;
        for (const auto& [cookie, times] : b.received) ASSERT_EQ(times, 1) << cookie << " " << where;
        for (const auto& [cookie, times] : a.received) ASSERT_EQ(times, 1) << cookie << " " << where;
        ASSERT_TRUE(a.at_rest() && b.at_rest()) << where;
        ASSERT_EQ(a.cut_short, 0) << where;
        ASSERT_EQ(a.history().find("protocol"), std::string::npos) << where;
        ASSERT_EQ(b.history().find("protocol"), std::string::npos) << where;
        ASSERT_LE(static_cast<size_t>(b.cut_short), a.withdrawn.size()) << where;
        resent += a.endpoint.stats(b.key())->bulk_frames_resent;
        cut_short += b.cut_short;
    }
    EXPECT_GT(resent, 500u);  // the interesting paths were walked
    EXPECT_GT(halfway, 500u);
    EXPECT_GT(cut_short, 20) << "given up in the middle";
    EXPECT_GT(lost, 20u);
    EXPECT_GT(whole, 20u);
}

// What no correct sender says ends the link. The other side has two bulk strands.
class HostileParts : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(bench.begin_session(control, {one, two}, hello_of())); }
    // With its payload, unless that is held back.
    void send(StrandHandle strand, const PartHeader& part, uint32_t payload, bool all = true) {
        Bytes bytes;
        put_part(bytes, part, {}, payload);
        if (all) bytes.resize(bytes.size() + payload);
        bench.feed(strand, bytes);
    }
    void expect_well() { EXPECT_EQ(bench.events, Events{"up fresh"}) << bench.last_detail; }
    void expect_protocol_error(const std::string& why) {
        EXPECT_EQ(bench.events, (Events{"up fresh", "down protocol"}));
        EXPECT_NE(bench.last_detail.find(why), std::string::npos) << bench.last_detail;
        for (const StrandHandle strand : {control, one, two}) EXPECT_TRUE(bench.closed.contains(strand));
        EXPECT_TRUE(bench.sinks.empty()) << "each has its end";
    }
    Bench bench;
    StrandHandle control = bench.arrive(), one = bench.arrive(), two = bench.arrive();
};

constexpr const char* kImpossible = "an impossible part of a bulk frame";
constexpr uint32_t kGivenUp = PartHeader::kGivenUp;

TEST_F(HostileParts, NumberZero) {
    send(one, {0, 100, 0}, 100);
    expect_protocol_error(kImpossible);
    EXPECT_EQ(bench.bulk, 0);
}
TEST_F(HostileParts, ANumberFarAhead) {
    send(one, {2 * limits::kFramesAheadMax, 100, 0}, 100);
    expect_well();
    send(one, {2 * limits::kFramesAheadMax + 1, 100, 0}, 100);
    expect_protocol_error(kImpossible);
    EXPECT_EQ(bench.bulk, 1);
}
TEST_F(HostileParts, APartThatEndsBeyondItsFrame) {
    send(one, {1, 100, 50}, 51, false);
    expect_protocol_error(kImpossible);
    EXPECT_EQ(bench.bulk, 0);
}
TEST_F(HostileParts, APartThatBeginsBeyondItsFrame) {
    send(one, {1, 100, kGivenUp - 1}, 2, false);
    expect_protocol_error(kImpossible);
}
TEST_F(HostileParts, AFrameThatIsTooLarge) {
    send(one, {1, limits::kBulkPayloadBytesMax + 1, 0}, 1, false);
    expect_protocol_error(kImpossible);
}
TEST_F(HostileParts, PartsThatDisagreeAboutTheFrame) {
    send(one, {1, 100, 0}, 50);
    send(two, {1, 101, 50}, 50, false);
    expect_protocol_error("parts of a bulk frame that do not fit");
}
TEST_F(HostileParts, AFrameOfAnotherSizeIsGivenUp) {
    send(one, {1, 100, 0}, 50);
    send(two, {1, 101, kGivenUp}, 0);
    expect_protocol_error("parts of a bulk frame that do not fit");
}
TEST_F(HostileParts, AnEmptyPartInTheMiddle) {
    send(one, {1, 100, 0}, 50);
    send(two, {1, 100, 50}, 0);
    expect_protocol_error(kImpossible);
}
TEST_F(HostileParts, TooManyIncompleteFrames) {
    for (uint64_t number = 1; number <= limits::kFramesIncompleteMax; ++number)
        send(number % 2 ? one : two, {number, 100, 0}, 50);
    expect_well();
    EXPECT_EQ(bench.sinks.size(), limits::kFramesIncompleteMax);
    send(one, {limits::kFramesIncompleteMax + 1, 100, 0}, 50, false);
    expect_protocol_error("too many bulk frames begun");
}
TEST_F(HostileParts, AStrandThatEndsInThePart) {
    send(one, {1, 100, 0}, 60, false);
    bench.feed(one, Bytes(59));
    bench.closed.insert(one);
    bench.endpoint.closed(one, "hung up", bench.now);
    EXPECT_EQ(bench.sinks.size(), 1u) << "it may go on over the other";
    send(two, {1, 100, 60}, 40);
    EXPECT_EQ(bench.bulk_whole, 0);
    send(two, {1, 100, 0}, 60);
    EXPECT_EQ(bench.bulk_whole, 1);
    EXPECT_TRUE(bench.sinks.empty());
    expect_well();
}
// The memory is its owner's again although the same bytes are still coming over another strand.
TEST_F(HostileParts, WhatComesAfterTheEndGoesNowhere) {
    send(one, {1, 100, 0}, 100, false);
    bench.feed(one, Bytes(30));
    send(two, {1, 100, 0}, 100);
    EXPECT_EQ(bench.bulk_whole, 1);
    EXPECT_TRUE(bench.sinks.empty());
    bench.feed(one, Bytes(70));
    send(one, {2, 0, 0}, 0);
    EXPECT_EQ(bench.bulk_whole, 2);

    send(one, {3, 100, 0}, 100, false);
    bench.feed(one, Bytes(30));
    send(two, {3, 100, kGivenUp}, 0);
    EXPECT_TRUE(bench.sinks.empty());
    bench.feed(one, Bytes(70));
    send(one, {3, 100, 0}, 100);
    EXPECT_EQ(bench.bulk, 3) << "what is over does not begin again";
    EXPECT_EQ(bench.bulk_whole, 2);
    expect_well();
}

}  // namespace
}  // namespace whim::testing

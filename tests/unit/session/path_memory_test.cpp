// Goal: a link that is made anew to the same peer begins with what its path was found to be, whatever
// incarnation it is for; what is kept has a bound and an end. Method: the table by hand, then endpoints over
// an in-memory network whose drivers tell the samples of a modelled line.
#include "transport/session/path_memory.h"

#include <gtest/gtest.h>

#include "test_peer.h"

namespace whim::testing {
namespace {

TEST(PathMemory, KeepsTheLastWord) {
    PathMemory memory;
    EXPECT_FALSE(memory.recall(peer_id(1), Instant{}).has_value());
    memory.note(peer_id(1), {4, 1'000, {}}, Instant{});
    memory.note(peer_id(1), {2, 2'000, {}}, Instant{} + seconds(1));
    const auto known = memory.recall(peer_id(1), Instant{} + seconds(2));
    ASSERT_TRUE(known.has_value());
    EXPECT_EQ(known->strands, 2u);
    EXPECT_EQ(known->pace, 2'000u);
    EXPECT_EQ(memory.size(), 1u);
    EXPECT_FALSE(memory.recall(peer_id(2), Instant{}).has_value());
}

TEST(PathMemory, ForgetsWhatIsOld) {
    PathMemory memory;
    memory.note(peer_id(1), {4, 0, {}}, Instant{});
    const Instant end = Instant{} + limits::kPathKeptFor;
    EXPECT_TRUE(memory.recall(peer_id(1), end - nanoseconds(1)).has_value());
    EXPECT_FALSE(memory.recall(peer_id(1), end).has_value());
    memory.note(peer_id(2), {4, 0, {}}, end);
    EXPECT_EQ(memory.size(), 1u) << "and does not keep it";
}

TEST(PathMemory, DropsTheOldestWhenItIsFull) {
    PathMemory memory;
    const auto peer = [](uint32_t number) {
        PeerId id = peer_id(1);
        id.bytes[1] = static_cast<uint8_t>(number >> 8), id.bytes[2] = static_cast<uint8_t>(number);
        return id;
    };
    for (uint32_t i = 0; i < limits::kPathsKept; ++i)
        memory.note(peer(i), {i + 1, 0, {}}, Instant{} + milliseconds(i));
    memory.note(peer(0), {7, 0, {}}, Instant{} + seconds(100));  // no longer the oldest
    memory.note(peer(limits::kPathsKept), {8, 0, {}}, Instant{} + seconds(101));
    EXPECT_EQ(memory.size(), limits::kPathsKept);
    const Instant now = Instant{} + seconds(102);
    EXPECT_TRUE(memory.recall(peer(0), now).has_value());
    EXPECT_FALSE(memory.recall(peer(1), now).has_value());
    EXPECT_TRUE(memory.recall(peer(2), now).has_value());
}

// Two peers over 80 ms; the path carries kRate, and makes whoever sends faster wait.
class RemadeLink : public ::testing::Test {
protected:
    static constexpr uint64_t kRate = 4'000'000;

    void SetUp() override {
        net.latency = milliseconds(40);
        net.window = 1'000'000;
        for (TestPeer* peer : {&a, &b}) {
            peer->node.path = [this, peer](StrandHandle strand) {
                PathSample sample;
                sample.rtt_min = sample.rtt_smoothed = milliseconds(80);
                if (queued) sample.rtt_smoothed = milliseconds(180);
                sample.bytes_acked = peer->node.written[strand];
                sample.bytes_retransmitted = again[strand];
                return sample;
            };
        }
    }
    void open(uint64_t incarnation) {
        LinkOptions dials = dial_options(b.node, 32), waits = wait_options(a.node, 32);
        dials.tune_strands = waits.tune_strands = true;
        waits.local_instance = {incarnation};
        a.endpoint.open_link(b.key(incarnation), dials, net.now);
        b.endpoint.open_link(a.key(), waits, net.now);
        net.run_for(seconds(1));
    }
    void close(uint64_t incarnation) {
        a.endpoint.close_link(b.key(incarnation), net.now);
        b.endpoint.close_link(a.key(), net.now);
        net.run_for(seconds(1));
    }
    // As fast as the path carries, for so long.
    void send(Duration time, uint64_t incarnation) {
        for (const Instant until = net.now + time; net.now < until; net.run_for(milliseconds(5)))
            a.give(b.key(incarnation), kRate / 200);
    }
    LinkStats stats(uint64_t incarnation) { return *a.endpoint.stats(b.key(incarnation)); }

    MemoryNet net{1};
    TestPeer a{net, 1}, b{net, 2};
    bool queued = false;
    std::map<StrandHandle, uint64_t> again;
};

TEST_F(RemadeLink, BeginsWithThePaceThatItsPathHad) {
    open(1);
    queued = true;
    for (int i = 0; i < 40 && stats(1).pace == 0; ++i) send(milliseconds(100), 1);
    queued = false;
    send(seconds(1), 1);
    const uint64_t pace = stats(1).pace;
    ASSERT_GT(pace, kRate / 2);
    close(1);
    open(2);
    send(milliseconds(300), 2);
    EXPECT_GT(stats(2).pace, pace * 3 / 4);
    EXPECT_LT(stats(2).pace, pace * 5 / 4);
    EXPECT_NE(stats(2).pace_reason.find("carried before"), std::string::npos) << stats(2).pace_reason;
    EXPECT_EQ(stats(2).strands_reason, "as many as this path took before");
}

TEST_F(RemadeLink, BeginsAnewAfterALongTime) {
    open(1);
    queued = true;
    for (int i = 0; i < 40 && stats(1).pace == 0; ++i) send(milliseconds(100), 1);
    queued = false;
    ASSERT_GT(stats(1).pace, 0u);
    close(1);
    net.run_for(limits::kPathKeptFor);
    open(2);
    send(milliseconds(300), 2);
    EXPECT_EQ(stats(2).pace, 0u);
    EXPECT_NE(stats(2).strands_reason, "as many as this path took before");
}

TEST_F(RemadeLink, KnowsThatItsPathLosesSegments) {
    open(1);
    for (int i = 0; i < 10; ++i) {
        send(seconds(1), 1);
        for (auto& [strand, written] : a.node.written) again[strand] += 1448;
    }
    ASSERT_TRUE(stats(1).lossy);
    close(1);
    open(2);
    EXPECT_TRUE(stats(2).lossy);
}

TEST_F(RemadeLink, ThatNeverCameUpForgetsNothing) {
    open(1);
    ASSERT_EQ(stats(1).strands, limits::kStrandsFar);
    close(1);
    LinkOptions nowhere = dial_options(b.node, 32);
    nowhere.tune_strands = true;
    a.endpoint.open_link(b.key(2), nowhere, net.now);
    a.endpoint.close_link(b.key(2), net.now);
    a.endpoint.open_link(b.key(3), nowhere, net.now);
    EXPECT_EQ(stats(3).strands_reason, "as many as this path took before");
}

}  // namespace
}  // namespace whim::testing

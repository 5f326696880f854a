// What is lost without a word, or in part: a control strand that nobody answers on, one of several addresses
// that refuses, bulk strands of which one is left.
#include "base/limits.h"
#include "bench.h"
#include "test_peer.h"

namespace whim::testing {
namespace {

// As a NAT does that has forgotten a connection: what is written goes nowhere, and nobody is told.
class Silent : public ::testing::Test {
protected:
    void SetUp() override {
        join(net, a, b, 0);
        net.run_for(seconds(1));
        ASSERT_EQ(a.node.written.size(), 1u);
        forget();
    }
    void forget() {
        for (TestPeer* peer : {&a, &b}) {
            for (const auto& [strand, bytes] : peer->node.written) peer->node.held.insert(strand);
        }
    }
    MemoryNet net{3};
    TestPeer a{net, 1}, b{net, 2};
};

TEST_F(Silent, AControlStrandIsReplacedWhereTheOtherSideAnswersAnew) {
    for (int i = 0; i < 3; ++i) {
        a.say(b.key());
        b.say(a.key());
    }
    net.run_for(limits::kDetourSilence + seconds(1));
    EXPECT_EQ(a.heard, counted(3));
    EXPECT_EQ(b.heard, counted(3));
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_EQ(net.live(), 1u);
}

// It was careful of a strand that is gone now: nobody waits for the dial that swallows its time.
TEST_F(Silent, WhereTheStrandIsLostAfterAllItIsDialledAtOnce) {
    b.node.silent = true;
    net.run_for(seconds(4));
    b.node.silent = false;
    a.node.held.clear(), b.node.held.clear();
    net.reset_one(0);
    net.run_for(milliseconds(300));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "up resumed"}));
    b.node.silent = true;  // and what it cost of patience is forgotten
    net.reset_all();
    const uint64_t dials = net.dials_made;
    net.run_for(seconds(8));
    EXPECT_GE(net.dials_made, dials + 2);
}

// Its system takes connections, and nobody answers on them.
TEST_F(Silent, AFrozenPeerKeepsItsStrand) {
    b.node.silent = true;
    a.say(b.key());
    const uint64_t dials = net.dials_made;
    net.run_for(seconds(8));
    EXPECT_GT(net.dials_made, dials) << "it was asked";
    EXPECT_EQ(a.events, Events{"up fresh"});
    b.node.silent = false;
    a.node.held.clear(), b.node.held.clear();
    net.run_for(milliseconds(100));
    EXPECT_EQ(b.heard, counted(1));
    net.run_for(seconds(5));
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(net.live(), 1u) << "nothing of the race is left";
}

// An address of which only one was ever this peer's, seen from here.
TEST(Waiting, AnAddressThatRefusesIsNotTheWholePeer) {
    for (const bool gone : {false, true}) {
        MemoryNet net(5);
        net.latency = milliseconds(50);
        TestPeer a(net, 1), b(net, 2), other(net, 3);
        other.node.listening = false;
        a.endpoint.open_link(b.key(), dial_options(b.node, 0), net.now);
        LinkOptions options = wait_options(a.node, 0);
        options.addresses.insert(options.addresses.begin(), other.node.address);
        b.endpoint.open_link(a.key(), std::move(options), net.now);
        net.run_for(seconds(1));
        if (gone) a.node.listening = b.node.listening = false;
        net.reset_all();
        net.run_for(milliseconds(400));
        const auto refused = std::count(b.events.begin(), b.events.end(), "down refused");
        EXPECT_EQ(refused, gone ? 1 : 0) << b.history();
        EXPECT_EQ(b.events.back() == "up resumed", !gone) << b.history();
    }
}

// A dial and its handshakes take three round trips: the bulk strands are kept for so long.
TEST(FarAway, ALostControlStrandCostsNoOtherStrand) {
    MemoryNet net(16);
    net.latency = milliseconds(260);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b, 2);
    net.run_for(seconds(10));
    net.reset_one(0);
    net.run_for(seconds(5));
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_EQ(a.endpoint.stats(b.key())->strands_lost, 1u);
}

// This side wants one strand, the other side two. Where the first is lost and no dial succeeds, the second
// carries on.
TEST(OneIsLeft, AStrandThatOnlyTheOtherSideWanted) {
    Bench bench;
    bench.tune_strands = true;
    const StrandHandle control = bench.arrive(), one = bench.arrive(), two = bench.arrive();
    ASSERT_TRUE(bench.begin_session(control, {one, two}, hello_of()));
    ASSERT_TRUE(bench.endpoint.send_bulk(kFar, {{}, 1'000, 1}, bench.now));
    EXPECT_TRUE(bench.drain(two).empty()) << "one is wanted";
    EXPECT_FALSE(bench.drain(one).empty());
    bench.endpoint.closed(one, "connection reset", bench.now);
    ASSERT_TRUE(bench.endpoint.send_bulk(kFar, {{}, 1'000, 2}, bench.now));
    EXPECT_GE(bench.drain(two).size(), 1'000u);
}

}  // namespace
}  // namespace whim::testing

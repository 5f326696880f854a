// Goal: who answers at an address is found out without a link, and without the other side's owner.
// Method: endpoints over a network in memory, without channel and with the stand-in; raw frames where a
// correct program would not send them.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "bench.h"
#include "test_peer.h"
#include "transport/session/stand_in_channel.h"

namespace whim::testing {
namespace {

struct Pair {
    explicit Pair(bool secure)
        : channels_a(peer_id(1)), channels_b(peer_id(2)), a(net, 1, secure ? &channels_a : nullptr),
          b(net, 2, secure ? &channels_b : nullptr) {}
    MemoryNet net{3};
    SimChannelFactory channels_a, channels_b;
    TestPeer a, b;
};

class Reach : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Channels, Reach, ::testing::Bool());

TEST_P(Reach, WhoAnswersIsToldAndNoLinkIsMade) {
    Pair p(GetParam());
    p.a.endpoint.test_address(5, p.b.node.address, p.net.now);
    p.net.run_for(milliseconds(100));
    EXPECT_EQ(p.a.answers, std::vector<std::string>{"5: " + short_name(p.b.id)});
    EXPECT_EQ(p.b.asked, 0) << "its owner is not asked";
    EXPECT_TRUE(p.b.endpoint.links().empty() && p.a.endpoint.links().empty());
    EXPECT_EQ(p.net.live(), 0u) << "and the connection is closed";
}

TEST_P(Reach, WhyNobodyAnswersIsTold) {
    Pair p(GetParam());
    p.a.endpoint.test_address(1, {"nobody", 1}, p.net.now);
    p.b.node.silent = true;
    p.a.endpoint.test_address(2, p.b.node.address, p.net.now);
    p.net.run_for(limits::kReachTestTime);
    EXPECT_EQ(p.a.answers, (std::vector<std::string>{"1: connection refused (nobody listens there)",
                                                     "2: no answer in 3 s (a firewall?)"}));
}

TEST_P(Reach, ATestThatIsEndedIsNotAnswered) {
    Pair p(GetParam());
    p.a.endpoint.test_address(1, p.b.node.address, p.net.now);
    p.a.endpoint.end_test(1);
    p.a.endpoint.end_test(1);
    p.net.run_for(limits::kReachTestTime * 2);
    EXPECT_TRUE(p.a.answers.empty());
}

TEST(ReachRuns, AnotherRunIsNotThisPeer) {
    MemoryNet net(4);
    TestPeer a(net, 1), other(net, 2, nullptr, "another run");
    a.endpoint.test_address(1, other.node.address, net.now);
    net.run_for(milliseconds(100));
    EXPECT_EQ(a.answers, std::vector<std::string>{"1: peer " + short_name(other.id) +
                                                  " answers: this is run 'another run', not 'run'"});
}

TEST(ReachFrames, TheMarkIsAnsweredOnceAndParksNothing) {
    Bench bench;
    bench.accept = false;
    Hello hello = hello_of();
    hello.test = true;
    const StrandHandle strand = bench.arrive();
    const auto reply = bench.greet(strand, hello);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, HelloStatus::ok);
    EXPECT_EQ(reply->from, peer_id(2));
    bench.run_until(bench.now + limits::kDrainTimeout);
    EXPECT_TRUE(bench.closed.contains(strand));
    EXPECT_TRUE(bench.events.empty());
}

TEST(ReachFrames, WhoeverAnswersWithRubbishIsNobody) {
    Bench bench;
    bench.endpoint.test_address(1, {"far", 1}, bench.now);
    bench.endpoint.dialed(bench.dialed[0], bench.now);
    bench.drain(bench.dialed[0]);
    Bytes junk;
    put_message(junk, 1, to_bytes("hi"));
    bench.feed(bench.dialed[0], junk);
    EXPECT_EQ(bench.answers, std::vector<std::string>{"no hello"});
    EXPECT_TRUE(bench.closed.contains(bench.dialed[0]));
}

}  // namespace
}  // namespace whim::testing

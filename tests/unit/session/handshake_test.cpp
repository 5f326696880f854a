// The handshake and its refusals: one real endpoint, the other side played by hand with raw frames.
#include <functional>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "bench.h"

namespace whim::testing {
namespace {

TEST(Handshake, AcceptsWhatFits) {
    Bench bench;
    const auto reply = bench.greet(bench.arrive(), hello_of());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, HelloStatus::ok) << reply->detail;
    EXPECT_EQ(reply->version, kProtocolVersionMax);
    EXPECT_EQ(reply->from, peer_id(2));
    EXPECT_EQ(bench.events, Events{"up fresh"});
}

TEST(Handshake, RefusesWithTheReasonAndThenCloses) {
    struct Case {
        std::function<void(Hello&)> spoil;
        HelloStatus status;
        std::string text;
    };
    const std::vector<Case> cases = {
        {[](Hello& h) { h.version_min = h.version_max = kProtocolVersionMax + 1; }, HelloStatus::version,
         "protocol versions 2..2 offered, 1..1 spoken here"},
        {[](Hello& h) { h.run_name = "other"; }, HelloStatus::rejected, "this is run 'run', not 'other'"},
        {[](Hello& h) { h.to_instance = {9}; }, HelloStatus::rejected,
         "incarnation 9 is addressed, this is 1"},
        {[](Hello& h) { h.from = peer_id(2); }, HelloStatus::rejected, "this is the dialler itself"},
        {[](Hello& h) { h.index = 1; }, HelloStatus::session_lost, "no such session"},
        {[](Hello& h) {
             h.theirs = {5, 5};
         },
         HelloStatus::session_lost, "no such session"},
    };
    for (const Case& c : cases) {
        Bench bench;
        Hello hello = hello_of();
        c.spoil(hello);
        const StrandHandle strand = bench.arrive();
        const auto reply = bench.greet(strand, hello);
        ASSERT_TRUE(reply) << c.text;
        EXPECT_EQ(reply->status, c.status) << c.text;
        EXPECT_EQ(reply->detail, c.text);
        EXPECT_TRUE(bench.events.empty());
        bench.feed(strand, to_bytes("more, which nobody reads"));
        bench.run_until(bench.now + limits::kDrainTimeout);
        EXPECT_TRUE(bench.closed.contains(strand));
    }
}

TEST(Handshake, TheHigherCommonVersionIsChosen) {
    Bench bench;
    Hello hello = hello_of();
    hello.version_min = 0;
    hello.version_max = 60000;
    const auto reply = bench.greet(bench.arrive(), hello);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, HelloStatus::ok);
    EXPECT_EQ(reply->version, kProtocolVersionMax);
}

TEST(Handshake, TwoCoordinatorsHaveNoLink) {
    Bench bench(true);
    Hello hello = hello_of();
    EXPECT_EQ(bench.greet(bench.arrive(), hello)->status, HelloStatus::ok);
    hello.from = peer_id(3);
    hello.is_coordinator = true;
    const auto reply = bench.greet(bench.arrive(), hello);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, HelloStatus::rejected);
}

TEST(Handshake, AnUnexpectedPeerIsRefused) {
    Bench bench;
    bench.expected = peer_id(8);
    EXPECT_EQ(bench.greet(bench.arrive(), hello_of())->status, HelloStatus::identity);
}

TEST(Handshake, ParksUnknownPeersUntilTheLinkIsOpened) {
    Bench bench;
    bench.accept = false;
    const StrandHandle strand = bench.arrive();
    EXPECT_FALSE(bench.greet(strand, hello_of()));
    bench.run_until(bench.now + seconds(3));
    EXPECT_TRUE(bench.closed.empty());
    LinkOptions options;
    options.dial = false;
    options.local_instance = {1};
    bench.endpoint.open_link(kFar, options, bench.now);
    bench.run_until(bench.now);
    EXPECT_EQ(bench.events, Events{"up fresh"});
    EXPECT_FALSE(bench.drain(strand).empty());
}

TEST(Handshake, RefusesParkedPeersInTheEnd) {
    Bench bench;
    bench.accept = false;
    const StrandHandle strand = bench.arrive();
    EXPECT_FALSE(bench.greet(strand, hello_of()));
    bench.run_until(bench.now + limits::kHandshakeTimeout);
    const Bytes answer = bench.drain(strand);
    const auto reply = decode_hello_reply(ByteSpan(answer).subspan(kFramePrefixBytes));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, HelloStatus::rejected);
    EXPECT_EQ(reply->detail, "peer " + short_name(peer_id(1)) + " is not known here");
    bench.run_until(bench.now + limits::kDrainTimeout);
    EXPECT_TRUE(bench.closed.contains(strand));
}

TEST(Handshake, OnlySoManyStrandsMayBeUnknown) {
    Bench bench;
    std::vector<StrandHandle> strands;
    for (uint32_t i = 0; i < limits::kUnknownStrandsMax + 10; ++i) strands.push_back(bench.arrive());
    EXPECT_EQ(bench.closed.size(), 10u);
    EXPECT_TRUE(bench.closed.contains(strands[9]) && !bench.closed.contains(strands[10]));  // the oldest go
    EXPECT_EQ(bench.greet(strands.back(), hello_of())->status, HelloStatus::ok);
}

TEST(Handshake, TakesOnlySoLong) {
    Bench bench;
    const StrandHandle strand = bench.arrive();
    bench.run_until(bench.now + limits::kHandshakeTimeout - milliseconds(1));
    EXPECT_TRUE(bench.closed.empty());
    bench.run_until(bench.now + milliseconds(1));
    EXPECT_TRUE(bench.closed.contains(strand));
    EXPECT_TRUE(bench.events.empty());
}

// A reset may leave only one side waiting: whoever dialled finds out that the path works again by dialling.
TEST(Handshake, ADiallerIsPatientOnlyOnceItHasReasonToBe) {
    Bench bench;
    LinkOptions options;
    options.addresses = {{"far", 1}};
    options.local_instance = {1};
    bench.endpoint.open_link(kFar, options, bench.now);
    bench.run_until(bench.now);
    size_t dials = 1;
    for (const Duration patience : {limits::kDialPatienceMin, limits::kDialPatienceMin * 2,
                                    limits::kHandshakeTimeout, limits::kHandshakeTimeout}) {
        ASSERT_EQ(bench.dialed.size(), dials++);
        const StrandHandle strand = bench.dialed.back();
        bench.endpoint.dialed(strand, bench.now);
        bench.run_until(bench.now + patience - milliseconds(1));
        EXPECT_FALSE(bench.closed.contains(strand));
        bench.run_until(bench.now + milliseconds(1));  // and dials again, having waited enough
        EXPECT_TRUE(bench.closed.contains(strand));
        EXPECT_EQ(bench.last_detail, "at far:1: the handshake took too long");
    }
    EXPECT_LT(limits::kDialPatienceMin, limits::kPairBrokenAfter);
}

TEST(Handshake, GarbageClosesTheStrandAndNothingElse) {
    Prng prng(1);
    for (int i = 0; i < 2000; ++i) {
        Bench bench;
        Bytes bytes;
        if (i % 2) put_hello(bytes, hello_of());
        else bytes.resize(1 + prng.below(200));
        for (uint64_t n = 1 + prng.below(6); n > 0; --n)
            bytes[prng.below(bytes.size())] = static_cast<std::byte>(prng.next());
        const StrandHandle strand = bench.arrive();
        bench.feed(strand, bytes);
        for (const std::string& event : bench.events) EXPECT_EQ(event, "up fresh");
        bench.run_until(bench.now + limits::kHandshakeTimeout + limits::kDrainTimeout);
        EXPECT_TRUE(bench.closed.contains(strand) || !bench.events.empty());
    }
}

TEST(Handshake, NothingMayFollowAHelloBeforeTheReply) {
    Bench bench;
    bench.accept = false;
    const StrandHandle strand = bench.arrive();
    EXPECT_FALSE(bench.greet(strand, hello_of()));
    Bytes early;
    put_message(early, 1, {});
    bench.feed(strand, early);
    EXPECT_TRUE(bench.closed.contains(strand));
}

TEST(Handshake, ADelayedHelloOfThePastChangesNothing) {
    Bench bench;
    Hello now = hello_of();
    now.mine = {100, 5};
    now.generation = 3;
    ASSERT_EQ(bench.greet(bench.arrive(), now)->status, HelloStatus::ok);
    Hello past = now;
    past.generation = 2;  // an earlier dial of this session
    EXPECT_EQ(bench.greet(bench.arrive(), past)->status, HelloStatus::stale);
    past.mine = {100, 4};  // an earlier session of the same process
    EXPECT_EQ(bench.greet(bench.arrive(), past)->status, HelloStatus::stale);
    EXPECT_EQ(bench.events, Events{"up fresh"});
    Hello next = now;
    next.mine = {100, 6};
    EXPECT_EQ(bench.greet(bench.arrive(), next)->status, HelloStatus::ok);
    EXPECT_EQ(bench.events, (Events{"up fresh", "down closed", "up fresh"}));
}

TEST(Handshake, AReplyThatWasLostIsGivenAgain) {
    Bench bench;
    Hello hello = hello_of();
    const StrandHandle first = bench.arrive();
    const auto lost = bench.greet(first, hello);
    bench.endpoint.send_message(kFar, to_bytes("one"), bench.now);
    bench.drain(first);
    hello.generation = 2;  // the dialer never saw an answer: it still knows no nonce of ours
    const StrandHandle second = bench.arrive();
    const auto again = bench.greet(second, hello);
    ASSERT_TRUE(lost && again);
    EXPECT_EQ(again->status, HelloStatus::ok);
    EXPECT_EQ(again->mine, lost->mine);
    EXPECT_TRUE(bench.closed.contains(first));
    EXPECT_EQ(bench.events, Events{"up fresh"});
    EXPECT_EQ(bench.endpoint.stats(kFar)->messages_sent, 2u);  // "one" again: it was not received
}

// After the handshake: what breaks the protocol ends the link and says so.
class Attached : public ::testing::Test {
protected:
    void SetUp() override {
        const auto reply = bench.greet(control, hello_of());
        Hello hello = hello_of();
        hello.index = 1;
        hello.theirs = reply->mine;
        ASSERT_EQ(bench.greet(bulk, hello)->status, HelloStatus::ok);
    }
    void expect_protocol_error(StrandHandle strand, const Bytes& bytes) {
        bench.feed(strand, bytes);
        EXPECT_EQ(bench.events, (Events{"up fresh", "down protocol"}));
        EXPECT_TRUE(bench.closed.contains(control) && bench.closed.contains(bulk));
        EXPECT_EQ(bench.pinned, 0);
    }
    Bench bench;
    StrandHandle control = bench.arrive();
    StrandHandle bulk = bench.arrive();
    Bytes bytes;
};

TEST_F(Attached, BulkOnTheControlStrand) {
    put_prefix(bytes, {FrameType::bulk, 0, 5});
    expect_protocol_error(control, bytes);
    EXPECT_EQ(bench.bulk, 0);
}
TEST_F(Attached, AMessageMayComeOnAnyStrandAndCountsOnce) {
    put_message(bytes, 1, to_bytes("first"));
    bench.feed(bulk, bytes);
    bench.feed(control, bytes);
    EXPECT_EQ(bench.messages, 1);
    EXPECT_FALSE(bench.closed.contains(bulk) || bench.closed.contains(control));
}
TEST_F(Attached, ASecondHello) {
    put_hello(bytes, hello_of());
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, AnOversizedLength) {
    put_prefix(bytes, {FrameType::message, 0, 0xfffffff0});
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, AnAcknowledgementOfWhatWasNeverSent) {
    put_count(bytes, FrameType::ack, {0, 1, 1});
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, AnAcknowledgementForNoStrand) {
    put_count(bytes, FrameType::ack, {2, 1, 0});
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, ALostControlStrandIsNotToldOnItself) {
    put_count(bytes, FrameType::strand_lost, {0, 1, 0});
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, AMessageThatSkipsOne) {
    put_message(bytes, 2, to_bytes("second"));
    expect_protocol_error(control, bytes);
}
TEST_F(Attached, ALostControlStrandThatClaimsTooMuch) {
    put_count(bytes, FrameType::strand_lost, {0, 1, 7});
    expect_protocol_error(bulk, bytes);
}
TEST_F(Attached, ALossThatClaimsTooMuch) {
    put_count(bytes, FrameType::strand_lost, {1, 1, 7});
    expect_protocol_error(control, bytes);
}

TEST_F(Attached, AFrameStillPinnedIsNotForgottenOnTheOthersWord) {
    bench.endpoint.send_bulk(kFar, {{}, 100'000, 1}, bench.now);
    ByteSpan pieces[2];
    ASSERT_EQ(bench.endpoint.write_buffers(bulk, pieces), 2u);
    EXPECT_EQ(bench.pinned, 1);
    put_count(bytes, FrameType::ack, {1, 1, 1});
    bench.feed(control, bytes);
    EXPECT_EQ(bench.pinned, 1);
    bench.endpoint.did_write(bulk, pieces[0].size() + pieces[1].size(), bench.now);
    EXPECT_EQ(bench.pinned, 0);
    EXPECT_EQ(bench.events, Events{"up fresh"});
}

TEST_F(Attached, AStrandLostAtTheOtherSideIsTakenDown) {
    bench.endpoint.send_bulk(kFar, {{}, 100'000, 1}, bench.now);
    ByteSpan pieces[2];
    bench.endpoint.write_buffers(bulk, pieces);
    put_count(bytes, FrameType::strand_lost, {1, 1, 0});
    bench.feed(control, bytes);
    EXPECT_TRUE(bench.closed.contains(bulk));
    EXPECT_EQ(bench.pinned, 0);
    EXPECT_EQ(bench.endpoint.stats(kFar)->bulk_queued, 1u);  // waits for another strand
    EXPECT_EQ(bench.events, Events{"up fresh"});
}

}  // namespace
}  // namespace whim::testing

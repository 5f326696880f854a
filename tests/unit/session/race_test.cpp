// Goal: several addresses of one peer are tried side by side, the best first; one says hello; the verdict
// over all of them names each. Method: one endpoint whose dials the test answers.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "bench.h"

namespace whim::testing {
namespace {

class Race : public Bench {
public:
    Race() {
        LinkOptions options;
        options.addresses = {{"a", 1}, {"b", 1}, {"c", 1}};
        options.bulk_strands = 0;
        options.local_instance = {1};
        options.expected = peer_id(1);
        endpoint.open_link(kFar, options, now);
        run_until(now);
    }
    void dial(StrandHandle strand, const Address& to) override {
        Bench::dial(strand, to);
        to_ += to.host;
    }
    // Whom it has dialled since last asked, in order.
    std::string dials() { return std::exchange(to_, {}); }
    void refuse(StrandHandle strand) {
        endpoint.dial_failed(strand, DialError::refused, "connection refused", now);
        run_until(now);
    }
    // The other side answers a dialled strand as peer `who`.
    void answer(StrandHandle strand, uint8_t who) {
        endpoint.dialed(strand, now);
        const Bytes sent = drain(strand);
        const auto hello = decode_hello(ByteSpan(sent).subspan(kFramePrefixBytes));
        ASSERT_TRUE(hello);
        Bytes reply;
        put_hello_reply(
            reply,
            HelloReply{
                .version = kProtocolVersionMax, .from = peer_id(who), .mine = {9, 1}, .theirs = hello->mine});
        feed(strand, reply);
        run_until(now);
    }

private:
    std::string to_;
};

TEST(Race, OneMoreEachQuarterOfASecondOrAtOnceWhenOneFails) {
    Race race;
    EXPECT_EQ(race.dials(), "a");
    race.run_until(race.now + limits::kAttemptDelay - milliseconds(1));
    EXPECT_EQ(race.dials(), "");
    race.run_until(race.now + milliseconds(1));
    EXPECT_EQ(race.dials(), "b");
    race.refuse(race.dialed[0]);
    EXPECT_EQ(race.dials(), "c") << "nothing to wait for";
    EXPECT_TRUE(race.events.empty()) << "two may answer yet";
    race.answer(race.dialed[2], 1);
    EXPECT_EQ(race.events, Events{"up fresh"});
    EXPECT_TRUE(race.closed.contains(race.dialed[1]));
}

TEST(Race, OnlyOneSaysHelloAndTheOthersComeAgainWhenItIsNotAnswered) {
    Race race;
    race.run_until(race.now + limits::kAttemptDelay * 2);
    EXPECT_EQ(race.dials(), "abc");
    race.answer(race.dialed[1], 7);
    EXPECT_TRUE(race.closed.contains(race.dialed[0]) && race.closed.contains(race.dialed[2]));
    EXPECT_EQ(race.dials(), "a") << "another peer answered: the rest is tried again, in order";
    race.run_until(race.now + limits::kAttemptDelay);
    EXPECT_EQ(race.dials(), "c");
    race.answer(race.dialed[4], 1);
    EXPECT_EQ(race.events, Events{"up fresh"});
}

TEST(Race, WhatWorkedBestGoesFirst) {
    Race race;
    race.refuse(race.dialed[0]);
    race.run_until(race.now + milliseconds(80));
    race.answer(race.dialed[1], 1);  // b, after 80 ms
    race.dials();
    race.endpoint.closed(race.dialed[1], "connection reset", race.now);
    race.run_until(race.now + limits::kRedialBackoffMin);
    EXPECT_EQ(race.dials(), "b");
    race.run_until(race.now + limits::kAttemptDelay);
    EXPECT_EQ(race.dials(), "a");
    race.answer(race.dialed[3], 1);  // a, at once
    race.endpoint.closed(race.dialed[3], "connection reset", race.now);
    race.run_until(race.now + limits::kRedialBackoffMin * 2);
    EXPECT_EQ(race.dials(), "a") << "it was quicker";
    race.refuse(race.dialed[4]);
    EXPECT_EQ(race.dials(), "b");
}

TEST(Race, TheVerdictNamesEveryAddressAndIsRefusedOnlyWhenAllRefuse) {
    Race race;
    race.refuse(race.dialed[0]);
    race.endpoint.dial_failed(race.dialed[1], DialError::unreachable, "no route to host", race.now);
    race.run_until(race.now);
    race.run_until(race.now + limits::kDialPatienceMin);
    ASSERT_FALSE(race.events.empty());
    EXPECT_EQ(race.events[0], "down unreachable");
    EXPECT_EQ(race.last_detail,
              "at a:1: connection refused (nobody listens there); at b:1: no route to host; "
              "at c:1: no answer in 3 s (a firewall?)");
    Race all;
    for (size_t i = 0; i < 3; ++i) all.refuse(all.dialed[i]);
    EXPECT_EQ(all.events, Events{"down refused"});
}

// A process that comes back is found soon, whatever another of its addresses does.
TEST(Race, AnAddressThatSwallowsDialsHoldsUpNobody) {
    Race race;
    race.refuse(race.dialed[0]);
    race.refuse(race.dialed[1]);
    EXPECT_EQ(race.dials(), "abc");
    race.run_until(race.now + limits::kAttemptDelay * 2);
    EXPECT_EQ(race.dials(), "ab") << "again, while c is silent";
    race.refuse(race.dialed[3]);
    race.run_until(race.now + limits::kAttemptDelay * 2);
    EXPECT_EQ(race.dials(), "a") << "and again; b is under way";
    EXPECT_TRUE(race.events.empty()) << "c may answer yet";
    race.answer(race.dialed[5], 1);
    EXPECT_EQ(race.events, Events{"up fresh"});
}

TEST(Race, WhatThePeerItselfAnswersEndsIt) {
    Race race;
    race.run_until(race.now + limits::kAttemptDelay);
    race.endpoint.dialed(race.dialed[1], race.now);
    race.drain(race.dialed[1]);
    Bytes reply;
    put_hello_reply(reply, HelloReply{.status = HelloStatus::rejected, .detail = "no", .from = peer_id(1)});
    race.feed(race.dialed[1], reply);
    EXPECT_EQ(race.events, Events{"down rejected"});
    EXPECT_EQ(race.last_detail, "at b:1: no");
}

TEST(Race, ClosingTheLinkEndsAllOfIt) {
    Race race;
    race.run_until(race.now + limits::kAttemptDelay * 2);
    race.endpoint.close_link(kFar, race.now);
    for (const StrandHandle strand : race.dialed) EXPECT_TRUE(race.closed.contains(strand));
    race.run_until(race.now + seconds(30));
    EXPECT_EQ(race.dialed.size(), 3u);
}

}  // namespace
}  // namespace whim::testing

// Links between two endpoints over the memory network: delivery, loss of strands, resumption, liveness.
#include "test_peer.h"

#include "base/limits.h"
#include "transport/session/stand_in_channel.h"

namespace whim::testing {
namespace {

using Events = std::vector<std::string>;

TEST(Link, CarriesMessagesAndBulkBothWays) {
    MemoryNet net(1);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(a.say(b.key()));
        ASSERT_TRUE(b.say(a.key()));
        ASSERT_TRUE(a.give(b.key(), static_cast<size_t>(i) * 3001));
        ASSERT_TRUE(b.give(a.key(), 17));
    }
    net.run_for(seconds(5));
    EXPECT_EQ(a.heard, counted(100));
    EXPECT_EQ(b.heard, counted(100));
    EXPECT_EQ(a.received.size(), 100u);
    EXPECT_EQ(b.received.size(), 100u);
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_TRUE(a.at_rest() && b.at_rest());
    EXPECT_EQ(net.live(), 3u);
    const LinkStats stats = *a.endpoint.stats(b.key());
    EXPECT_TRUE(stats.up);
    EXPECT_EQ(stats.rtt_min, net.latency * 2);
    EXPECT_EQ(stats.bulk_frames_sent, 100u);
    EXPECT_EQ(stats.bulk_frames_resent, 0u);
    EXPECT_GE(stats.last_heard, net.now - limits::kHeartbeatInterval - net.latency * 2);
}

TEST(Link, SurvivesSplittingIntoSingleBytes) {
    MemoryNet net(2);
    net.cut = 1;
    net.latency = Duration{};
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b, 1);
    for (int i = 0; i < 10; ++i) {
        a.say(b.key());
        a.give(b.key(), 5000);
    }
    net.run_for(seconds(1));
    EXPECT_EQ(b.heard, counted(10));
    EXPECT_EQ(b.received.size(), 10u);
}

// Exactly once, in order, whatever byte the connections break at; every other seed behind a channel.
TEST(Link, LosesNothingAndRepeatsNothingWhenStrandsBreakAnywhere) {
    uint64_t resent = 0, strands_lost = 0, halfway = 0;
    SimChannelFactory channel_a(peer_id(1)), channel_b(peer_id(2));
    for (uint64_t seed = 1; seed <= 150; ++seed) {
        MemoryNet net(seed);
        net.window = 10'000 + net.prng().below(100'000);
        net.cut = 1 + net.prng().below(30'000);
        net.latency = microseconds(net.prng().between(0, 10'000));
        TestPeer a(net, 1, seed % 2 ? &channel_a : nullptr);
        TestPeer b(net, 2, seed % 2 ? &channel_b : nullptr);
        join(net, a, b, 1 + static_cast<uint32_t>(net.prng().below(3)));
        halfway += talk_while_strands_break(net, a, b, seed);
        if (HasFailure()) return;
        for (size_t i = 1; i < b.events.size(); ++i) ASSERT_NE(b.events[i], "up fresh") << "seed " << seed;
        resent += a.endpoint.stats(b.key())->bulk_frames_resent;
        strands_lost += a.endpoint.stats(b.key())->strands_lost;
        ASSERT_EQ(a.cut_short + b.cut_short, 0) << "what was begun goes on over another strand";
    }
    EXPECT_GT(resent, 500u);  // the interesting paths were walked
    EXPECT_GT(strands_lost, 1'000u);
    EXPECT_GT(halfway, 300u) << "frames of which a part had come when a strand broke";
}

TEST(Link, LosingABulkStrandIsNotLosingThePeer) {
    MemoryNet net(3);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b, 3);
    net.run_for(milliseconds(100));
    for (int i = 0; i < 200; ++i) {
        a.give(b.key(), 50'000);
        net.run_for(milliseconds(1));
        if (i % 10 == 0) net.reset_one();
    }
    net.run_for(seconds(2));
    EXPECT_EQ(b.received.size(), 200u);
    EXPECT_EQ(net.live(), 4u);
    EXPECT_GT(a.endpoint.stats(b.key())->strands_lost, 5u);
}

// Whatever the system says about the path, and whatever is reset meanwhile: frames arrive once, and the
// number stays within what both ends allow.
TEST(Link, TunedStrandsComeAndGoAndLoseNothing) {
    uint32_t most_seen = 0;
    for (uint64_t seed = 1; seed <= 12; ++seed) {
        MemoryNet net(seed);
        net.window = 3'000;
        net.latency = milliseconds(net.prng().between(3, 25));
        TestPeer a(net, 1), b(net, 2);
        std::map<StrandHandle, PathSample> totals[2];
        const auto path_of = [&](int side) {
            return [&net, &all = totals[side]](StrandHandle strand) -> std::optional<PathSample> {
                PathSample& total = all[strand];
                total.rtt_min = net.latency * 2;
                total.rtt_smoothed = total.rtt_min + milliseconds(net.prng().between(0, 8));
                total.bytes_acked += 20'000 + net.prng().below(100'000);
                total.bytes_retransmitted += net.prng().below(5'000);
                total.buffer_limited = total.buffer_limited + milliseconds(net.prng().between(0, 200));
                total.loss_limited = net.prng().chance(1, 2);
                return total;
            };
        };
        a.node.path = path_of(0);
        b.node.path = path_of(1);
        const auto tuned = [](LinkOptions options) {
            options.tune_strands = true;
            return options;
        };
        a.endpoint.open_link(b.key(), tuned(dial_options(b.node, 32)), net.now);
        b.endpoint.open_link(a.key(), tuned(wait_options(a.node, 12)), net.now);
        size_t frames[2] = {0, 0};
        for (int i = 0; i < 300; ++i) {
            for (int n = 0; n < 4; ++n) {
                frames[0] += a.give(b.key(), net.prng().below(40'000));
                frames[1] += b.give(a.key(), net.prng().below(20'000));
            }
            net.run_for(milliseconds(60));
            const LinkStats stats = *a.endpoint.stats(b.key());
            ASSERT_LE(stats.strands, 12u) << "seed " << seed;
            most_seen = std::max(most_seen, stats.strands);
            // Where connections break again and again, no more are tried.
            if (net.prng().chance(1, seed % 2 ? 30 : 300)) net.reset_one();
            if (net.prng().chance(1, 300)) net.reset_all();
        }
        net.run_for(seconds(120));
        ASSERT_EQ(b.received.size(), frames[0]) << "seed " << seed << "\n" << b.history();
        ASSERT_EQ(a.received.size(), frames[1]) << "seed " << seed;
        for (const auto& [cookie, times] : b.received) ASSERT_EQ(times, 1) << "seed " << seed;
        ASSERT_TRUE(a.at_rest() && b.at_rest()) << "seed " << seed;
        for (const std::string& event : a.events) ASSERT_NE(event, "down protocol") << a.last_detail;
    }
    EXPECT_EQ(most_seen, 12u);
}

// The path takes as many as it took before, also after the peer's link was closed and opened again.
TEST(Link, RemembersHowManyStrandsAPathTook) {
    MemoryNet net(7);
    TestPeer a(net, 1), b(net, 2);
    PathSample sample;
    a.node.path = [&](StrandHandle) {
        sample.rtt_min = sample.rtt_smoothed = milliseconds(20);
        return sample;
    };
    LinkOptions options = dial_options(b.node, 32);
    options.tune_strands = true;
    a.endpoint.open_link(b.key(), options, net.now);
    LinkOptions waiting = wait_options(a.node, 32);
    waiting.tune_strands = true;
    b.endpoint.open_link(a.key(), waiting, net.now);
    net.run_for(seconds(1));
    EXPECT_EQ(a.endpoint.stats(b.key())->strands, limits::kStrandsFar);
    EXPECT_EQ(b.endpoint.stats(a.key())->strands_used, 1u) << "its system tells nothing";
    a.endpoint.close_link(b.key(), net.now);
    a.node.path = nullptr;
    a.endpoint.open_link(b.key(), options, net.now);
    net.run_for(seconds(1));
    EXPECT_EQ(a.endpoint.stats(b.key())->strands, limits::kStrandsFar);
}

// Losses without a queue, again and again, are random: the link says so, and is guided by rate from then on.
TEST(Link, TellsThatItsPathLosesAtRandom) {
    MemoryNet net(7);
    TestPeer a(net, 1), b(net, 2);
    PathSample sample;
    sample.rtt_min = sample.rtt_smoothed = milliseconds(80);
    a.node.path = [&](StrandHandle) { return sample; };
    join(net, a, b, 2);
    net.run_for(seconds(5));
    EXPECT_FALSE(a.endpoint.stats(b.key())->lossy);
    EXPECT_EQ(a.endpoint.stats(b.key())->pace, 0u);
    EXPECT_NE(a.endpoint.stats(b.key())->pace_reason, "");
    for (int i = 0; i < 4; ++i) {
        sample.bytes_retransmitted += 1000;
        net.run_for(milliseconds(1500));
    }
    EXPECT_TRUE(a.endpoint.stats(b.key())->lossy);
    EXPECT_FALSE(b.endpoint.stats(a.key())->lossy) << "its system tells nothing";
}

// What arrives in a second is what the bound allows, of one link and of all together, behind a channel too;
// the bound can be changed while bytes wait for it.
TEST(Link, KeepsToARateThatCanBeChanged) {
    SimChannelFactory channel_a(peer_id(1)), channel_b(peer_id(2));
    for (const bool secure : {false, true}) {
        MemoryNet net(5);
        net.window = 1u << 20;
        TestPeer a(net, 1, secure ? &channel_a : nullptr), b(net, 2, secure ? &channel_b : nullptr);
        join(net, a, b, 2);
        net.run_for(milliseconds(100));
        a.endpoint.limit_rate(1'000'000, 0, net.now);
        for (int i = 0; i < 400; ++i) a.give(b.key(), 10'000);
        const auto arrive_in = [&](Duration time) {
            const uint64_t before = b.endpoint.stats(a.key())->bytes_received;
            net.run_for(time);
            return b.endpoint.stats(a.key())->bytes_received - before;
        };
        EXPECT_NEAR(static_cast<double>(arrive_in(seconds(1))), 1e6, 0.06e6) << secure;
        a.endpoint.limit_rate(1'000'000, 200'000, net.now);
        EXPECT_NEAR(static_cast<double>(arrive_in(seconds(2))), 0.4e6, 0.06e6) << secure;
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(a.say(b.key())) << "control does not wait";
        net.run_for(milliseconds(20));
        EXPECT_EQ(b.heard.size(), 20u);
        a.endpoint.limit_rate(0, 0, net.now);
        net.run_for(seconds(1));
        EXPECT_EQ(b.received.size(), 400u);
        EXPECT_TRUE(a.at_rest() && b.at_rest());
    }
}

TEST(Link, SaysDownAtOnceWhenAllStrandsAreLostAndResumesThem) {
    MemoryNet net(4);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    net.run_for(milliseconds(300));
    net.reset_all();
    net.run_for(milliseconds(500));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "up resumed"}));
    EXPECT_EQ(b.events, (Events{"up fresh", "down closed", "up resumed"}));
}

TEST(Link, TellsThatTheProcessIsGoneOnBothEnds) {
    MemoryNet net(5);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    net.run_for(milliseconds(300));
    a.node.listening = b.node.listening = false;
    net.reset_all();
    const Instant lost = net.now;
    net.run_for(milliseconds(50));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "down refused"}));  // by redialling
    EXPECT_EQ(b.events, (Events{"up fresh", "down closed", "down refused"}));  // by a probing dial
    EXPECT_LE((net.now - lost).ms(), 50);
    net.run_for(seconds(10));
    EXPECT_EQ(a.events.size(), 3u);  // said once
    a.node.listening = b.node.listening = true;
    net.run_for(seconds(3));
    EXPECT_EQ(a.events.back(), "up resumed");
    EXPECT_EQ(b.events.back(), "up resumed");
}

TEST(Link, AProbingDialLeavesNoTrace) {
    MemoryNet net(6);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    net.run_for(milliseconds(300));
    b.node.silent = true;  // a cannot reach b, b's probes reach a
    net.reset_all();
    net.run_for(limits::kDialPatienceMin - milliseconds(100));
    EXPECT_EQ(b.events, (Events{"up fresh", "down closed"}));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed"}));
    b.node.silent = false;  // the dial under way is lost, the next one is not
    net.run_for(seconds(1));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "down unreachable", "up resumed"}));
    EXPECT_EQ(b.events, (Events{"up fresh", "down closed", "up resumed"}));
}

TEST(Link, BeginsAnewWhenTheOtherProcessWasRestarted) {
    MemoryNet net(7);
    TestPeer a(net, 1);
    auto b = std::make_unique<TestPeer>(net, 2);
    MemoryNet::Node& node = b->node;
    join(net, a, *b);
    const LinkKey b_key = b->key();
    a.say(b_key);
    net.run_for(milliseconds(300));
    EXPECT_EQ(b->heard, counted(1));
    b.reset();
    net.run_for(milliseconds(300));
    a.say(b_key);  // lost: the session it belongs to is over
    b = std::make_unique<TestPeer>(net, node, 2, nullptr, "run", 1);
    b->endpoint.open_link(a.key(), wait_options(a.node), net.now);
    net.run_for(seconds(5));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "down refused", "down closed", "up fresh"}));
    EXPECT_EQ(b->events, Events{"up fresh"});
    EXPECT_TRUE(b->heard.empty());
    a.say(b_key);
    net.run_for(milliseconds(300));
    EXPECT_EQ(b->heard, Events{"2"});
}

TEST(Link, BeginsAnewWithoutAPauseOnceTheOtherSideSaysThatItForgot) {
    MemoryNet net(7);
    TestPeer a(net, 1);
    auto b = std::make_unique<TestPeer>(net, 2);
    MemoryNet::Node& node = b->node;
    join(net, a, *b);
    net.run_for(milliseconds(300));
    b.reset();
    net.run_for(seconds(30));  // by now the pauses are as long as they get
    ASSERT_EQ(a.events, (Events{"up fresh", "down closed", "down refused"}));
    b = std::make_unique<TestPeer>(net, node, 2, nullptr, "run", 1);
    b->endpoint.open_link(a.key(), wait_options(a.node), net.now);
    while (a.events.size() == 3) net.run_for(milliseconds(1));
    EXPECT_EQ(a.events.back(), "down closed");
    net.run_for(net.latency * 10);
    EXPECT_EQ(a.events.back(), "up fresh");
}

TEST(Link, ADialerThatOpensTheLinkAgainBeginsAnew) {
    MemoryNet net(8);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    for (int i = 0; i < 50; ++i) a.give(b.key(), 60'000);
    net.run_for(milliseconds(2));
    a.endpoint.close_link(b.key(), net.now);
    EXPECT_TRUE(a.at_rest());
    EXPECT_FALSE(a.endpoint.has_link(b.key()));
    EXPECT_FALSE(a.say(b.key()));
    a.endpoint.open_link(b.key(), dial_options(b.node), net.now);
    net.run_for(seconds(2));
    EXPECT_EQ(b.events.back(), "up fresh");
    EXPECT_TRUE(b.at_rest());
    a.say(b.key());
    net.run_for(milliseconds(100));
    EXPECT_EQ(b.heard.size(), 1u);
}

TEST(Link, DropsWithdrawnFramesAndDiscardsUnwantedOnes) {
    MemoryNet net(9);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    for (int i = 0; i < 30; ++i) a.give(b.key(), 20'000);
    a.withdrawn = {3, 4, 30};
    b.discard = {7, 29};
    net.run_for(seconds(1));
    EXPECT_EQ(b.received.size(), 25u);
    EXPECT_FALSE(b.received.contains(3) || b.received.contains(7));
    EXPECT_EQ(a.endpoint.stats(b.key())->bulk_frames_sent, 27u);
    EXPECT_EQ(b.endpoint.stats(a.key())->bulk_frames_received, 25u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST(Link, RefusesBulkWithoutBulkStrands) {
    MemoryNet net(10);
    TestPeer a(net, 1), b(net, 2);
    b.accept_plain = true;
    a.endpoint.open_link(b.key(), dial_options(b.node, 0), net.now);
    net.run_for(milliseconds(100));
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_FALSE(a.give(b.key(), 10));
    EXPECT_FALSE(b.give(a.key(), 10));
    EXPECT_TRUE(b.say(a.key()));
    net.run_for(milliseconds(100));
    EXPECT_EQ(a.heard, counted(1));
}

TEST(Link, AStuckLinkEndsItsSession) {
    MemoryNet net(11);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    net.run_for(milliseconds(100));
    net.window = 0;  // nothing gets through
    const Bytes big(limits::kMessageBytesMax);
    int sent = 0;
    while (a.endpoint.send_message(b.key(), big, net.now)) ++sent;
    EXPECT_EQ(sent, 8);
    EXPECT_FALSE(a.say(b.key()));
    net.window = 1u << 20;
    net.run_for(seconds(1));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed", "up fresh"}));
    EXPECT_TRUE(a.say(b.key()));
}

TEST(Link, BoundsItsBulkQueue) {
    MemoryNet net(12);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    const BulkFrame frame{{}, 8, 1};
    for (uint32_t i = 0; i < limits::kBulkQueuedMax; ++i)
        ASSERT_TRUE(a.endpoint.send_bulk(b.key(), frame, net.now));
    EXPECT_FALSE(a.endpoint.send_bulk(b.key(), frame, net.now));
    EXPECT_EQ(a.endpoint.stats(b.key())->bulk_queued, limits::kBulkQueuedMax);
    a.endpoint.close_link(b.key(), net.now);
}

TEST(Link, TriesItsAddressesInOrder) {
    MemoryNet net(13);
    TestPeer a(net, 1), b(net, 2);
    LinkOptions options = dial_options(b.node);
    options.addresses.insert(options.addresses.begin(), Address{"nobody", 9});
    a.endpoint.open_link(b.key(), options, net.now);
    b.endpoint.open_link(a.key(), wait_options(a.node), net.now);
    net.run_for(milliseconds(100));
    EXPECT_EQ(a.events, Events{"up fresh"});
    net.dials_made = 0;
    net.reset_all();
    net.run_for(milliseconds(100));
    EXPECT_EQ(a.events.back(), "up resumed");
    EXPECT_EQ(net.dials_made, 3u);  // the address that worked comes first
}

TEST(Link, ControlStrandAloneIsRedialledWithoutANote) {
    MemoryNet net(14);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b);
    net.run_for(milliseconds(300));
    for (int i = 0; i < 20; ++i) {
        net.reset_one(i % 3);
        a.say(b.key());
        b.say(a.key());
        net.run_for(milliseconds(300));
    }
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    EXPECT_EQ(a.heard, counted(20));
    EXPECT_EQ(b.heard, counted(20));
}

TEST(Link, IsDownWhenTheControlStrandStaysAway) {
    MemoryNet net(15);
    TestPeer a(net, 1), b(net, 2);
    join(net, a, b, 1);
    net.run_for(milliseconds(300));
    b.node.listening = false;
    net.reset_one(0);  // the control strand; the bulk strand lives
    net.run_for(limits::kControlRedialGrace - milliseconds(10));
    EXPECT_EQ(a.events, Events{"up fresh"});
    EXPECT_EQ(b.events, Events{"up fresh"});
    net.run_for(milliseconds(20));
    EXPECT_EQ(a.events, (Events{"up fresh", "down closed"}));
    EXPECT_EQ(b.events, (Events{"up fresh", "down closed"}));
    EXPECT_EQ(net.live(), 0u);
    b.node.listening = true;
    net.run_for(seconds(3));
    EXPECT_EQ(a.events.back(), "up resumed");
    EXPECT_EQ(b.events.back(), "up resumed");
    EXPECT_EQ(net.live(), 2u);
}

}  // namespace
}  // namespace whim::testing

// Goal: a link whose direct path fails goes on through a third member, loses nothing, and comes back.
// Method: endpoints with circuits on the in-memory network, in one thread: peer 2's port answers nobody, so
// that peer 1, who dials it, has to go through others; peers 3 and up are dialled by both.
#include "routed_peer.h"

#include "transport/session/stand_in_channel.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

enum class Security { none, stand_in, tls };

class CircuitWorld : public ::testing::Test {
protected:
    RoutedPeer& add(uint8_t number, Security security = Security::none, CircuitsConfig config = {}) {
        PeerId id = peer_id(number);
        std::unique_ptr<ChannelFactory> factory;
        if (security == Security::stand_in) factory = std::make_unique<SimChannelFactory>(id);
        if (security == Security::tls) {
            KeySeed seed{};
            seed.fill(number);
            id = Identity(seed).id();
            factory = std::move(TlsChannelFactory::create(Identity(seed)).value());
        }
        factories_.push_back(std::move(factory));
        peers_.push_back(std::make_unique<RoutedPeer>(net, id, factories_.back().get(), config));
        return *peers_.back();
    }
    void join(RoutedPeer& dialer, RoutedPeer& waiter, bool has_address = true) {
        dialer.open(waiter, true, has_address);
        waiter.open(dialer, false, false);
    }
    void run(Duration time) {
        const Instant until = net.now + time;
        while (net.now < until) {
            net.run_for(milliseconds(1));
            for (bool again = true; again;) {
                again = false;
                for (const auto& peer : peers_) again |= peer->node.endpoint != nullptr && peer->work();
            }
        }
    }
    // 1 dials 2 in vain; both have a link to each of the others.
    void meet(std::initializer_list<RoutedPeer*> relays) {
        peers_[1]->node.silent = true;
        for (RoutedPeer* relay : relays) join(*peers_[0], *relay), join(*peers_[1], *relay);
        join(*peers_[0], *peers_[1]);
    }
    struct Three {
        RoutedPeer &a, &b, &c;
    };
    // Two that meet through the third, a few bytes at a time.
    Three tiny_windows() {
        CircuitsConfig config;
        config.control_window_bytes = 40;
        config.bulk_window_bytes = 700;
        RoutedPeer &a = add(1, Security::stand_in, config), &b = add(2, Security::stand_in, config);
        RoutedPeer& c = add(3, Security::stand_in, config);
        meet({&c});
        return {a, b, c};
    }
    void trade(size_t frames, size_t bytes) {
        for (uint64_t i = 0; i < frames; ++i) {
            const uint64_t number = ++number_;
            peers_[0]->give(*peers_[1], number, bytes);
            peers_[1]->give(*peers_[0], number, bytes);
            peers_[0]->say(*peers_[1], std::to_string(number));
            peers_[1]->say(*peers_[0], std::to_string(number));
        }
    }
    void expect_all() {
        for (size_t end = 0; end < 2; ++end) {
            EXPECT_EQ(peers_[end]->received.size(), number_);
            ASSERT_EQ(peers_[end]->heard.size(), number_);
            for (uint64_t i = 0; i < number_; ++i) EXPECT_EQ(peers_[end]->heard[i], std::to_string(i + 1));
        }
    }

    MemoryNet net{11};

private:
    std::vector<std::unique_ptr<ChannelFactory>> factories_;
    std::vector<std::unique_ptr<RoutedPeer>> peers_;
    uint64_t number_ = 0;
};

// Fed by hand: what a relay may do to an end.
class CircuitEnd : public ::testing::Test {
protected:
    struct NoNetwork final : StrandDriver {
        void dial(StrandHandle, const Address&) override {}
        void close(StrandHandle) override {}
        void wants_write(StrandHandle) override {}
    };
    void piece(uint64_t circuit, uint64_t offset, size_t size) {
        const Bytes header = wire::encode(wire::CircuitHeader{wire::kCircuitHeaderKind, circuit, offset});
        const BulkSink sink = end.bulk_begin(relay, header, static_cast<uint32_t>(size));
        if (sink.token != 0) end.bulk_end(sink.token, true);
    }
    std::string closed_for() {
        for (const CircuitFrame& frame : end.take_outbox()) {
            const auto* message = std::get_if<wire::Message>(&frame.what);
            if (message && std::holds_alternative<wire::CircuitClose>(*message))
                return std::get<wire::CircuitClose>(*message).detail;
        }
        return "";
    }

    const LinkKey relay{peer_id(3), {3}}, far{peer_id(2), {2}};
    NoNetwork network;
    Circuits end{{.seed = 4}, network};
};

TEST_F(CircuitEnd, NothingComesBeforeTheAnswer) {
    end.dial_through(StrandHandle{1}, relay, far, true);
    const std::vector<CircuitFrame> asked = end.take_outbox();
    ASSERT_EQ(asked.size(), 1u);
    const uint64_t circuit = std::get<wire::CircuitOpen>(std::get<wire::Message>(asked[0].what)).circuit;
    piece(circuit, 1, 1000);
    EXPECT_EQ(closed_for(), "bytes came before the answer");
}

TEST_F(CircuitEnd, CrumbsOutOfOrderAreCounted) {
    end.set_self(far);
    end.on_message(relay, wire::CircuitOpen{7, relay, far, true, limits::kCircuitBulkWindowBytes}, {});
    for (uint64_t at = 1; at <= limits::kCircuitPiecesMax; ++at) piece(7, at, 1);
    EXPECT_EQ(closed_for(), "");
    piece(7, limits::kCircuitPiecesMax + 1, 1);
    EXPECT_EQ(closed_for(), "more came out of order than this peer holds");
}

// And a relay that overdoes it takes nothing from the others.
TEST_F(CircuitEnd, WhatEndsHoldIsBoundedByRelay) {
    end.set_self(far);
    const uint64_t window = limits::kCircuitBulkWindowBytes, half = window / 2;
    uint64_t circuit = 0;
    for (std::string why; why.empty() && circuit < limits::kCircuitEndsMax;) {
        end.on_message(relay, wire::CircuitOpen{++circuit, relay, far, true, limits::kCircuitBulkWindowBytes},
                       {});
        piece(circuit, half, half);
        why = closed_for();
    }
    EXPECT_EQ(circuit, limits::kCircuitHeldBytesMax / half + 1);
    const LinkKey other{peer_id(4), {4}};
    end.on_message(other, wire::CircuitOpen{++circuit, other, far, true, limits::kCircuitBulkWindowBytes},
                   {});
    const Bytes header = wire::encode(wire::CircuitHeader{wire::kCircuitHeaderKind, circuit, half});
    end.bulk_end(end.bulk_begin(other, header, 1000).token, true);
    EXPECT_EQ(closed_for(), "");
}

TEST_F(CircuitWorld, GoesThroughAThirdMemberAndBack) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    meet({&c});
    run(seconds(2));
    EXPECT_EQ(a.via(b), c.key());
    EXPECT_EQ(b.via(a), c.key());
    ASSERT_EQ(a.routes.size(), 1u);
    EXPECT_NE(a.routes[0].find("no answer yet from"), std::string::npos) << a.routes[0];
    trade(20, 300'000);
    run(seconds(1));
    b.node.silent = false;
    trade(20, 300'000);  // some of it is under way while the path changes
    run(seconds(20));
    EXPECT_EQ(a.via(b), std::nullopt);
    EXPECT_EQ(b.via(a), std::nullopt);
    EXPECT_EQ(a.routes.size(), 2u);
    expect_all();
    // One session all along, and nothing is left at the relay.
    EXPECT_EQ(std::count(a.events.begin(), a.events.end(), short_name(b.key()) + " fresh"), 1);
    EXPECT_EQ(c.circuits.carried_now(), 0u);
}

// A race among the direct addresses beside the way through the relay: one is silent, one is another peer's,
// who does not answer the hello either. In a race each has one chance, as a hello lets go of the relay.
TEST_F(CircuitWorld, ARaceOfTheAddressesBringsItBack) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3), &x = add(4);
    MemoryNet::Node& hole = net.add("hole");
    hole.silent = b.node.silent = true;
    join(a, c), join(b, c);
    a.open(b, true, true, {hole.address, x.node.address});
    b.open(a, false, false);
    run(seconds(2));
    EXPECT_EQ(a.via(b), c.key());
    trade(20, 100'000);
    run(seconds(60));
    EXPECT_EQ(a.via(b), c.key());
    EXPECT_LT(a.circuits.counters().opened, 40u) << "three each time it is taken again";
    b.node.silent = false;
    trade(20, 100'000);
    run(seconds(30));
    EXPECT_EQ(a.via(b), std::nullopt);
    expect_all();
    EXPECT_EQ(std::count(a.events.begin(), a.events.end(), short_name(b.key()) + " fresh"), 1);
    EXPECT_EQ(c.circuits.carried_now(), 0u);
}

// It answers at once, race after race, and a detour's hello takes a second over its tiny windows.
TEST_F(CircuitWorld, AnotherPeerAtTheAddressDisturbsNoDetour) {
    net.latency = milliseconds(40);
    CircuitsConfig tiny;
    tiny.control_window_bytes = 40;
    RoutedPeer &a = add(1, Security::none, tiny), &b = add(2, Security::none, tiny);
    RoutedPeer& c = add(3, Security::none, tiny);
    join(a, c), join(b, c);
    a.open(b, true, false, {a.node.address});  // it finds itself there
    b.open(a, false, false);
    run(seconds(60));
    EXPECT_EQ(a.via(b), c.key());
    EXPECT_EQ(a.circuits.counters().opened, 3u) << "one for each strand: none was given up";
    EXPECT_EQ(std::count(b.events.begin(), b.events.end(), short_name(a.key()) + " fresh"), 1);
    EXPECT_EQ(b.routes.size(), 1u);
}

TEST_F(CircuitWorld, AnAddressWhereAHelloWasInVainComesBackWhenTheRightPeerAnswers) {
    net.latency = milliseconds(40);
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    join(a, c), join(b, c);
    run(seconds(1));
    join(a, b);
    run(milliseconds(100));  // the hello is under way
    b.node.silent = true;
    ASSERT_TRUE(net.reset_one(net.live() - 1));
    run(seconds(4));
    ASSERT_EQ(a.via(b), c.key());
    b.node.silent = false;
    run(seconds(20));
    EXPECT_EQ(a.via(b), std::nullopt);
    EXPECT_EQ(a.routes.size(), 2u) << "and no other path in between";
    trade(3, 1000);
    run(seconds(1));
    expect_all();
}

TEST_F(CircuitWorld, TwoThatNobodyCanDialMeetThroughAThird) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    join(a, c), join(b, c);
    join(a, b, false);
    run(seconds(1));
    EXPECT_EQ(a.via(b), c.key());
    trade(10, 100'000);
    run(seconds(15));
    EXPECT_EQ(a.via(b), c.key());
    EXPECT_EQ(net.dials_made, 6u) << "two links of three strands; nobody dials the other of the two";
    expect_all();
}

TEST_F(CircuitWorld, ADeadRelayIsReplacedAtOnce) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3), &d = add(4);
    meet({&c, &d});
    run(seconds(2));
    const auto first = a.via(b);
    ASSERT_TRUE(first);
    trade(50, 200'000);
    run(milliseconds(20));
    net.crash((*first == c.key() ? c : d).node);
    run(milliseconds(500));
    EXPECT_EQ(a.via(b), (*first == c.key() ? d : c).key());
    trade(5, 1000);
    run(seconds(3));
    expect_all();
    EXPECT_EQ(std::count(a.events.begin(), a.events.end(), short_name(b.key()) + " fresh"), 1);
}

// The detour's hello lets go of a path that stood still for a while; then there is no way but that one.
TEST_F(CircuitWorld, WhenARelayDiesWhileItIsGreetedTheDirectPathIsDialled) {
    net.latency = milliseconds(30);
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    join(a, b);
    run(seconds(1));
    std::set<StrandHandle> direct;
    for (const auto& [strand, bytes] : a.node.written) direct.insert(strand);
    join(a, c), join(b, c);
    run(seconds(1));
    a.node.stuck = direct;
    for (int i = 0; i < 3'000 && a.circuits.counters().opened == 0; ++i) run(milliseconds(1));
    ASSERT_EQ(a.circuits.counters().opened, 1u);
    run(milliseconds(20));  // the circuit is there, the hello is under way
    ASSERT_EQ(a.via(b), std::nullopt);
    net.crash(c.node);
    a.node.stuck.clear();
    run(seconds(3));
    EXPECT_TRUE(a.up(b) && b.up(a));
    EXPECT_EQ(a.via(b), std::nullopt);
    trade(5, 1000);
    run(seconds(1));
    expect_all();
}

// One that says nothing keeps the race open for seconds, and while there is a detour the others have had
// their chance in it.
TEST_F(CircuitWorld, WhenARelayDiesTheAddressesThatFailedAreDialledAgain) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    MemoryNet::Node& hole = net.add("hole");
    hole.silent = true;
    b.node.listening = false;
    join(a, c), join(b, c);
    a.open(b, true, true, {hole.address});
    b.open(a, false, false);
    run(seconds(2));
    ASSERT_EQ(a.via(b), c.key());
    b.node.listening = true;
    run(milliseconds(100));
    ASSERT_EQ(a.via(b), c.key());
    net.crash(c.node);
    run(seconds(1));
    EXPECT_TRUE(a.up(b) && b.up(a));
    EXPECT_EQ(a.via(b), std::nullopt);
    trade(5, 1000);
    run(seconds(1));
    expect_all();
}

// Heartbeats wait behind what a crawling line carries; another path would only begin all of it anew. It is
// left once nothing is acknowledged any more, or (proxy) nothing heard, whoever acknowledges.
class CrawlingPath : public CircuitWorld, public ::testing::WithParamInterface<bool> {};

TEST_P(CrawlingPath, IsNotLeftForItsSilence) {
    const bool proxy = GetParam();
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    join(a, b);
    run(seconds(1));
    std::set<StrandHandle> direct, back;
    for (const auto& [strand, bytes] : a.node.written) direct.insert(strand);
    for (const auto& [strand, bytes] : b.node.written) back.insert(strand);
    join(a, c), join(b, c);
    run(seconds(1));
    bool carries = true;
    uint64_t acknowledged = 0;
    a.node.path = [&](StrandHandle) {
        PathSample sample;
        sample.bytes_acked = acknowledged += carries;
        return sample;
    };
    a.node.stuck = direct;
    run(seconds(5));
    EXPECT_EQ(a.circuits.counters().opened, 0u);
    EXPECT_TRUE(a.up(b));
    carries = proxy;
    if (proxy) b.node.stuck = back;
    run(seconds(4));
    EXPECT_GT(a.circuits.counters().opened, 0u);
    trade(5, 1000);
    run(seconds(1));
    expect_all();
}

INSTANTIATE_TEST_SUITE_P(Behind, CrawlingPath, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "a_proxy" : "nobody"; });

// It answers every dial, and carries nothing after that.
TEST_F(CircuitWorld, ADirectPathThatIsSoonLeftAgainIsTriedLessAndLessOften) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3);
    join(a, c), join(b, c);
    run(seconds(1));
    std::set<StrandHandle> to_c;
    for (const auto& [strand, bytes] : a.node.written) to_c.insert(strand);
    join(a, b);
    const auto stick_after_greeting = [&](Duration time) {
        for (const Instant until = net.now + time; net.now < until; run(milliseconds(20))) {
            if (a.via(b) || !a.up(b)) continue;
            for (const auto& [strand, bytes] : a.node.written) {
                if (!to_c.contains(strand)) a.node.stuck.insert(strand);
            }
        }
    };
    stick_after_greeting(seconds(20));
    const size_t early = a.routes.size();
    EXPECT_GE(early, 4u);
    stick_after_greeting(seconds(20));
    EXPECT_LE(a.routes.size() - early, 8u) << "at 1 s each time it would be twice as often";
    a.node.stuck.clear();
    run(seconds(20));
    EXPECT_EQ(a.via(b), std::nullopt);
    trade(5, 1000);
    run(seconds(1));
    expect_all();
}

TEST_F(CircuitWorld, TinyWindowsOnlySlowItDown) {
    const auto [a, b, c] = tiny_windows();
    run(seconds(2));
    ASSERT_EQ(a.via(b), c.key());
    trade(4, 9'000);
    run(seconds(8));
    expect_all();
    EXPECT_EQ(a.circuits.counters().overrun + c.circuits.relay_counters().overrun, 0u);
}

// The dialler's patience is about a second, in which its windows let 10 KB through.
TEST_F(CircuitWorld, AReplyDoesNotWaitForWhatIsSaidAfterIt) {
    const auto [a, b, c] = tiny_windows();
    for (int i = 0; i < 40; ++i) b.say(a, std::string(500, 'x'));
    run(milliseconds(1500));
    EXPECT_TRUE(a.up(b));
    EXPECT_EQ(a.via(b), c.key());
    run(seconds(4));
    EXPECT_EQ(a.heard.size(), 40u);
    EXPECT_EQ(a.circuits.counters().opened, 3u) << "one for each strand: none was given up";
}

TEST_F(CircuitWorld, ARelayWithLittleRoomOnlySlowsItDown) {
    CircuitsConfig little;
    little.carried_bytes_max = 1u << 20;  // 16 KiB for who comes first, where the ends would take more
    RoutedPeer &a = add(1), &b = add(2), &c = add(3, Security::none, little);
    meet({&c});
    run(seconds(2));
    ASSERT_EQ(a.via(b), c.key());
    trade(4, 200'000);
    run(seconds(8));
    expect_all();
    EXPECT_EQ(a.circuits.counters().overrun + c.circuits.relay_counters().overrun, 0u);
}

TEST_F(CircuitWorld, TheRelayIsNotALinkThatRunsThroughOthersItself) {
    RoutedPeer &a = add(1), &b = add(2), &c = add(3), &d = add(4);
    meet({&c});
    join(a, d);
    b.node.silent = true;
    join(d, b);  // swallowed: d has no path to b but through others, and none knows both
    run(seconds(4));
    EXPECT_EQ(a.via(b), c.key());
    EXPECT_FALSE(d.up(b));
    EXPECT_NE(d.endpoint.why_no_relay(b.key(), net.now).find("is down"), std::string::npos);
    EXPECT_NE(a.endpoint.why_no_relay(b.key(), net.now).find("runs through another"), std::string::npos);
}

// With security none the relay could read what it carries, as the network can; with TLS it sees neither
// payloads nor messages.
class WhatTheRelaySees : public CircuitWorld, public ::testing::WithParamInterface<Security> {};

TEST_P(WhatTheRelaySees, Test) {
    RoutedPeer &a = add(1, GetParam()), &b = add(2, GetParam()), &c = add(3, GetParam());
    meet({&c});
    run(seconds(3));
    ASSERT_EQ(a.via(b), c.key());
    trade(3, 40'000);
    a.say(b, "a MARK in a message");
    run(seconds(2));
    EXPECT_EQ(a.received.size(), 3u);
    EXPECT_EQ(b.heard.size(), 4u);
    const Bytes mark = to_bytes("MARK");
    const bool seen = std::any_of(c.carried.begin(), c.carried.end(), [&](const Bytes& bytes) {
        return std::search(bytes.begin(), bytes.end(), mark.begin(), mark.end()) != bytes.end();
    });
    EXPECT_EQ(seen, GetParam() == Security::none);
}

INSTANTIATE_TEST_SUITE_P(Of, WhatTheRelaySees, ::testing::Values(Security::none, Security::tls));

}  // namespace
}  // namespace whim::testing

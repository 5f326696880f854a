// Secure channels (TLS and the simulator's stand-in) stepped by hand: identity, any splitting, tampering.
#include "base/limits.h"
#include "test_peer.h"
#include "transport/session/identity.h"
#include "transport/session/stand_in_channel.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

Identity identity_of(uint8_t n) {
    KeySeed seed{};
    seed.fill(n);
    return Identity(seed);
}

struct Pair {
    std::unique_ptr<ChannelFactory> factories[2];
    std::unique_ptr<SecureChannel> ends[2];  // dialer, listener
    PeerId ids[2];
    Bytes read[2];
    std::string error;

    // Moves what end `from` has for the network to the other, in pieces of at most `cut`.
    bool move(int from, size_t cut, Prng* flip = nullptr) {
        SecureChannel& to = *ends[1 - from];
        bool moved = false;
        while (!ends[from]->to_network().empty() && error.empty()) {
            const ByteSpan front = ends[from]->to_network();
            Bytes piece(front.begin(), front.begin() + static_cast<ptrdiff_t>(std::min(cut, front.size())));
            ends[from]->sent(piece.size());
            if (flip && flip->chance(1, 4))
                piece[flip->below(piece.size())] ^= static_cast<std::byte>(1 + flip->below(255));
            moved = true;
            if (const Status fed = to.feed(piece); !fed) {
                error = fed.error().detail;
                break;
            }
            while (to.established()) {
                Bytes plain(1000);
                const Result<size_t> got = to.read(plain);
                if (!got) {
                    error = got.error().detail;
                    break;
                }
                if (*got == 0) break;
                read[1 - from].insert(read[1 - from].end(), plain.begin(),
                                      plain.begin() + static_cast<ptrdiff_t>(*got));
            }
        }
        return moved;
    }
    void settle(size_t cut = 1 << 20, Prng* flip = nullptr) {
        for (bool moved = true; moved && error.empty();) {
            moved = move(0, cut, flip);
            moved |= move(1, cut, flip);
        }
    }
    void write(int from, ByteSpan bytes) {
        while (!bytes.empty()) {
            const Result<size_t> taken = ends[from]->write(bytes);
            ASSERT_TRUE(taken.ok());
            ASSERT_GT(*taken, 0u);
            bytes = bytes.subspan(*taken);
        }
    }
};

class Channel : public ::testing::TestWithParam<bool> {
protected:
    Pair make() const {
        Pair pair;
        for (int side = 0; side < 2; ++side) {
            const Identity identity = identity_of(static_cast<uint8_t>(side + 1));
            pair.ids[side] = identity.id();
            if (GetParam()) pair.factories[side] = std::move(TlsChannelFactory::create(identity).value());
            else pair.factories[side] = std::make_unique<SimChannelFactory>(identity.id());
        }
        pair.ends[0] = pair.factories[0]->make(ChannelFactory::Side::dialer);
        pair.ends[1] = pair.factories[1]->make(ChannelFactory::Side::listener);
        return pair;
    }
};

TEST_P(Channel, ProvesIdentitiesAndCarriesBytesBothWays) {
    for (const size_t cut : {size_t{1}, size_t{7}, size_t{1000}, size_t{1} << 20}) {
        Pair pair = make();
        EXPECT_FALSE(pair.ends[0]->established());
        pair.settle(cut);
        ASSERT_EQ(pair.error, "");
        ASSERT_TRUE(pair.ends[0]->established() && pair.ends[1]->established());
        EXPECT_EQ(pair.ends[0]->remote_id(), pair.ids[1]);
        EXPECT_EQ(pair.ends[1]->remote_id(), pair.ids[0]);
        const Bytes there = payload_of(1, 100'000), back = payload_of(2, 50'001);
        pair.write(0, there);
        pair.write(1, back);
        pair.settle(cut);
        EXPECT_EQ(pair.read[1], there);
        EXPECT_EQ(pair.read[0], back);
    }
}

TEST_P(Channel, NoticesAlteredBytes) {
    int noticed = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        Pair pair = make();
        Prng prng(seed);
        const bool in_handshake = seed % 2 == 0;
        if (!in_handshake) pair.settle();
        if (!in_handshake) pair.write(0, payload_of(seed, 3000));
        pair.settle(1 + prng.below(500), &prng);
        noticed += !pair.error.empty();
        const Bytes whole = payload_of(seed, 3000);
        ASSERT_TRUE(pair.read[1].size() <= whole.size() &&
                    std::equal(pair.read[1].begin(), pair.read[1].end(), whole.begin()));
    }
    EXPECT_GT(noticed, 100);
}

TEST_P(Channel, RefusesGarbage) {
    Prng prng(1);
    for (int round = 0; round < 200; ++round) {
        Pair pair = make();
        Bytes garbage(1 + prng.below(3000));
        for (std::byte& b : garbage) b = static_cast<std::byte>(prng.next());
        bool broken = false;
        for (int i = 0; i < 40 && !broken; ++i) broken = !pair.ends[1]->feed(garbage).ok();
        EXPECT_FALSE(pair.ends[1]->established() && GetParam());
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Channel, ::testing::Bool(), [](const auto& kind) {
    return kind.param ? std::string("Tls") : std::string("StandIn");
});

TEST(Tls, LinksWorkOverIt) {
    MemoryNet net(1);
    const Identity one = identity_of(1), two = identity_of(2);
    const auto tls_one = std::move(TlsChannelFactory::create(one).value());
    const auto tls_two = std::move(TlsChannelFactory::create(two).value());
    TestPeer a(net, one.id(), tls_one.get()), b(net, two.id(), tls_two.get());
    LinkOptions options = dial_options(b.node);
    options.expected = b.id;
    a.endpoint.open_link(b.key(), options, net.now);
    b.endpoint.open_link(a.key(), wait_options(a.node), net.now);
    for (int i = 0; i < 40; ++i) {
        a.say(b.key());
        a.give(b.key(), static_cast<size_t>(i) * 7001);
        if (i % 10 == 9) net.reset_one();
        net.run_for(milliseconds(5));
    }
    net.run_for(seconds(3));
    EXPECT_EQ(b.heard, counted(40));
    EXPECT_EQ(b.received.size(), 40u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
}

TEST(Tls, AnotherKeyThanExpectedIsNoLink) {
    MemoryNet net(1);
    const Identity one = identity_of(1), two = identity_of(2);
    const auto tls_one = std::move(TlsChannelFactory::create(one).value());
    const auto tls_two = std::move(TlsChannelFactory::create(two).value());
    TestPeer a(net, one.id(), tls_one.get()), b(net, two.id(), tls_two.get());
    LinkOptions options = dial_options(b.node);
    options.expected = identity_of(3).id();
    const LinkKey third{identity_of(3).id(), {1}};
    a.endpoint.open_link(third, options, net.now);
    net.run_for(seconds(1));
    EXPECT_EQ(a.events, std::vector<std::string>{"down identity"});
    EXPECT_NE(a.last_detail.find("another peer answers"), std::string::npos) << a.last_detail;
    EXPECT_EQ(b.asked, 0);  // nothing was said before the key was checked
}

TEST(Tls, ANameThatIsNotTheKeysIsRefused) {
    MemoryNet net(1);
    const Identity one = identity_of(1), two = identity_of(2);
    const auto tls_one = std::move(TlsChannelFactory::create(one).value());
    const auto tls_two = std::move(TlsChannelFactory::create(two).value());
    TestPeer a(net, identity_of(9).id(), tls_one.get()), b(net, two.id(), tls_two.get());
    b.accept_plain = true;
    a.endpoint.open_link(b.key(), dial_options(b.node), net.now);
    net.run_for(seconds(1));
    EXPECT_EQ(a.events, std::vector<std::string>{"down identity"});
    EXPECT_EQ(b.asked, 0);
}

TEST(Tls, PlainAndSecureDoNotMeet) {
    MemoryNet net(1);
    const Identity one = identity_of(1), two = identity_of(2);
    const auto tls = std::move(TlsChannelFactory::create(one).value());
    TestPeer a(net, one.id(), tls.get()), b(net, two.id(), nullptr);
    join(net, a, b);
    net.run_for(seconds(1));
    EXPECT_TRUE(a.events.size() == 1 && a.events[0].starts_with("down ")) << a.history();
    TestPeer c(net, identity_of(3).id(), nullptr), d(net, one.id(), tls.get());
    join(net, c, d);
    net.run_for(seconds(1) + limits::kDrainTimeout);
    EXPECT_TRUE(c.events.size() == 1 && c.events[0].starts_with("down ")) << c.history();
    EXPECT_TRUE(b.events.empty() && d.events.size() <= 1);
}

TEST(Identity, SignsAndNamesItself) {
    const Identity one = identity_of(1);
    EXPECT_EQ(one.id(), peer_id_of(one.public_key()));
    EXPECT_NE(one.id(), identity_of(2).id());
    const Bytes text = to_bytes("invite");
    Signature signature = one.sign(text);
    EXPECT_TRUE(verify(one.public_key(), text, signature));
    EXPECT_FALSE(verify(identity_of(2).public_key(), text, signature));
    EXPECT_FALSE(verify(one.public_key(), to_bytes("invitE"), signature));
    signature[5] ^= 1;
    EXPECT_FALSE(verify(one.public_key(), text, signature));
}

}  // namespace
}  // namespace whim::testing

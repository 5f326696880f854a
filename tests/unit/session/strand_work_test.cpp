// Several strands have their turn at once: their work runs in any order, or on threads, and nothing differs
// for owners, whatever is lost, closed or discarded by what the work of another strand led to.
#include <atomic>
#include <numeric>
#include <thread>

#include "test_peer.h"
#include "transport/session/identity.h"
#include "transport/session/stand_in_channel.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

void in_any_order(MemoryNet& net, uint64_t seed) {
    net.run_all = [prng = Prng(seed)](size_t count, const std::function<void(size_t)>& task) mutable {
        std::vector<size_t> order(count);
        std::iota(order.begin(), order.end(), size_t{0});
        for (size_t left = count; left > 1; --left) std::swap(order[left - 1], order[prng.below(left)]);
        for (const size_t i : order) task(i);
    };
}

void on_threads(MemoryNet& net) {
    net.run_all = [](size_t count, const std::function<void(size_t)>& task) {
        std::vector<std::thread> threads;
        for (size_t i = 0; i < count; ++i) threads.emplace_back([&task, i] { task(i); });
        for (std::thread& thread : threads) thread.join();
    };
}

TEST(StrandWork, LosesNothingAndRepeatsNothingWhenStrandsBreakAnywhere) {
    uint64_t sealed = 0, opened = 0, resent = 0;
    SimChannelFactory channel_a(peer_id(1)), channel_b(peer_id(2));
    for (uint64_t seed = 1; seed <= 50; ++seed) {
        MemoryNet net(seed);
        in_any_order(net, seed);
        net.shared_bytes_min = 1 + static_cast<uint32_t>(net.prng().below(3'000));
        net.window = 10'000 + net.prng().below(100'000);
        net.cut = 1 + net.prng().below(30'000);
        net.latency = microseconds(net.prng().between(0, 10'000));
        TestPeer a(net, 1, &channel_a), b(net, 2, &channel_b);
        join(net, a, b, 2 + static_cast<uint32_t>(net.prng().below(3)));
        talk_while_strands_break(net, a, b, seed);
        if (HasFailure()) return;
        resent += a.endpoint.stats(b.key())->bulk_frames_resent;
        sealed += net.sealed, opened += net.opened;
    }
    EXPECT_GT(sealed, 3'000u);
    EXPECT_GT(opened, 3'000u);
    EXPECT_GT(resent, 100u);
}

// The end of one strand's work may lead to anything: here the owner closes the link, with all its strands.
TEST(StrandWork, IsVoidOnceALinkWasClosedByWhatAnotherStrandLedTo) {
    SimChannelFactory channel_a(peer_id(1)), channel_b(peer_id(2));
    uint64_t by_unpin = 0, by_bulk = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        MemoryNet net(seed);
        in_any_order(net, seed);
        net.shared_bytes_min = 1;
        net.cut = 30'000;
        TestPeer a(net, 1, &channel_a), b(net, 2, &channel_b);
        join(net, a, b, 4);
        net.run_for(milliseconds(50));
        const uint64_t sealed = net.sealed, opened = net.opened;
        uint64_t left = 1 + net.prng().below(20);
        TestPeer& closes = seed % 2 ? a : b;
        const auto close = [&] {
            if (--left > 0) return;
            closes.after_unpin = closes.after_bulk = nullptr;
            closes.endpoint.close_link(seed % 2 ? b.key() : a.key(), net.now);
        };
        (seed % 2 ? closes.after_unpin : closes.after_bulk) = close;
        for (int i = 0; i < 40; ++i) a.give(b.key(), net.prng().below(60'000));
        net.run_for(seconds(1));
        ASSERT_TRUE(closes.at_rest()) << "seed " << seed;
        ASSERT_FALSE(closes.endpoint.has_link(seed % 2 ? b.key() : a.key())) << "seed " << seed;
        by_unpin += seed % 2 && net.sealed > sealed;
        by_bulk += seed % 2 == 0 && net.opened > opened;
    }
    EXPECT_GT(by_unpin, 80u);
    EXPECT_GT(by_bulk, 80u);
}

// Under TLS and on threads of their own: what a race detector looks at.
TEST(StrandWork, RunsOnThreads) {
    KeySeed seed_a{}, seed_b{};
    seed_a.fill(1), seed_b.fill(2);
    const Identity id_a(seed_a), id_b(seed_b);
    const auto channel_a = TlsChannelFactory::create(id_a), channel_b = TlsChannelFactory::create(id_b);
    ASSERT_TRUE(channel_a && channel_b);
    MemoryNet net(1);
    on_threads(net);
    net.window = 600'000;
    net.cut = 400'000;
    net.latency = microseconds(100);
    TestPeer a(net, id_a.id(), channel_a->get()), b(net, id_b.id(), channel_b->get());
    join(net, a, b, 4);
    net.run_for(seconds(1));
    for (int i = 0; i < 60; ++i) {
        ASSERT_TRUE(a.give(b.key(), 1 << 20));
        ASSERT_TRUE(b.give(a.key(), 300'000));
        if (i % 10 == 9) net.run_for(microseconds(700));
        if (i % 20 == 19) net.reset_one();
    }
    net.run_for(seconds(20));
    EXPECT_EQ(b.received.size(), 60u);
    EXPECT_EQ(a.received.size(), 60u);
    EXPECT_TRUE(a.at_rest() && b.at_rest());
    EXPECT_GT(net.sealed, 50u);
    EXPECT_GT(net.opened, 50u);
}

}  // namespace
}  // namespace whim::testing

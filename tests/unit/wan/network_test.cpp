// The whole path in virtual time: delay, order, shared lines, counters, partitions, resets and commands.
#include "stress/wan/network.h"

#include <gtest/gtest.h>

#include <sstream>

#include "packets.h"
#include "stress/wan/commands.h"

namespace stress::wan {
namespace {

using whim::Instant, whim::Duration, whim::milliseconds, whim::microseconds;

Network network(const std::string& text) {
    std::istringstream stream(text);
    return Network(parse_topology(stream, "t"));
}

struct Arrival {
    Instant at;
    Packet packet;
};

// Everything that is still to arrive.
std::vector<Arrival> drain(Network& network) {
    std::vector<Arrival> all;
    while (const auto at = network.deadline())
        while (auto packet = network.arrival(*at)) all.push_back({*at, *packet});
    return all;
}

std::string tell(Network& network, const std::string& line) { return carry_out(network, line, {}, {}); }

TEST(Network, DelaysByHalfOfTheRtt) {
    Network net = network("host a\nhost b\nlink a b rtt=80ms\n");
    net.on_packet(packet_of({.payload_bytes = 100}), {0});
    EXPECT_FALSE(net.arrival(Instant{} + milliseconds(39)));
    const auto all = drain(net);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].at, Instant{} + milliseconds(40));
}

TEST(Network, PassesUpLinkAndDown) {
    Network net = network("host a up=12mbit\nhost b down=6mbit\nlink a b delay=10ms rate=12mbit\n");
    net.on_packet(packet_of({.payload_bytes = 1460}), {0});  // 1 ms each on up and link, 2 ms on down
    const auto all = drain(net);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].at, Instant{} + milliseconds(14));
}

TEST(Network, ManySharersOfADownLineGetItsRate) {
    Network net = network("host a\nhost b\nhost c down=12mbit\nlink * * delay=10ms\n");
    for (int i = 0; i < 10; ++i)
        for (const uint8_t from : {0, 1})
            net.on_packet(packet_of({.from = from, .to = 2, .payload_bytes = 1460}), {0});
    const auto all = drain(net);
    ASSERT_EQ(all.size(), 20u);
    EXPECT_EQ(all.back().at, Instant{} + milliseconds(30));
}

TEST(Network, KeepsTheOrderOfADirection) {
    Network net = network("host a\nhost b\nlink a b delay=40ms jitter=30ms\n");
    for (uint32_t i = 0; i < 500; ++i) {
        const Instant now = Instant{} + milliseconds(i);
        if (i == 250) tell(net, "set a b delay=1ms");
        net.on_packet(packet_of({.payload_bytes = 10, .sequence = i}), now);
    }
    uint32_t next = 0;
    for (const auto& each : drain(net)) EXPECT_EQ(each.packet.sequence(), next++);
    EXPECT_EQ(next, 500u);
}

TEST(Network, CountsWhatBecameOfEachSegment) {
    Network net = network("host a up=12mbit up_queue=4500b\nhost b\nlink a b loss=0\n");
    net.on_packet(packet_of({.payload_bytes = 14'600, .segment_bytes = 1460}), {0});
    drain(net);
    EXPECT_EQ(net.counters(0, 1).packets, 10u);
    EXPECT_EQ(net.counters(0, 1).bytes, 15'000u);
    EXPECT_EQ(net.counters(0, 1).delivered_packets, 3u);
    EXPECT_EQ(net.counters(0, 1).dropped_by_queue, 7u);
    tell(net, "set a b loss=100%");
    net.on_packet(packet_of({.payload_bytes = 1460}), Instant{} + milliseconds(100));
    EXPECT_EQ(net.counters(0, 1).dropped_by_loss, 1u);
    EXPECT_NE(tell(net, "stats").find("way from=a to=b packets=11 "), std::string::npos);
    net.clear_counters();
    EXPECT_EQ(net.counters(0, 1).packets, 0u);
}

TEST(Network, LossesAreThoseOfTheSeed) {
    const auto lost = [](const std::string& seed) {
        Network net = network("host a\nhost b\nlink a b loss=10%\nseed " + seed + "\n");
        net.on_packet(packet_of({.payload_bytes = 30'000, .segment_bytes = 100}), {0});
        std::vector<uint32_t> sequences;
        for (const auto& each : drain(net)) sequences.push_back(each.packet.sequence());
        return sequences;
    };
    EXPECT_EQ(lost("1"), lost("1"));
    EXPECT_NE(lost("1"), lost("2"));
}

TEST(Network, APartitionTakesWhatIsOnItsWay) {
    Network net = network("host a\nhost b\nhost c\nlink * * rtt=80ms\n");
    net.on_packet(packet_of({.to = 1}), {0});
    net.on_packet(packet_of({.to = 2}), {0});
    tell(net, "partition a b");
    net.on_packet(packet_of({.from = 1, .to = 0}), {0});
    const auto all = drain(net);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].packet.to, 2);
    EXPECT_EQ(net.counters(0, 1).dropped_by_cut, 1u);
    EXPECT_EQ(net.counters(1, 0).dropped_by_cut, 1u);
    tell(net, "heal");
    net.on_packet(packet_of({.to = 1}), {0});
    EXPECT_EQ(drain(net).size(), 1u);
}

TEST(Network, AGroupIsPartitionedFromTheRestAlone) {
    Network net = network("host a\nhost b\nhost c\n");
    tell(net, "partition a,b");
    EXPECT_FALSE(net.topology().between(0, 1).cut);
    EXPECT_TRUE(net.topology().between(0, 2).cut);
    EXPECT_TRUE(net.topology().between(2, 1).cut);
    tell(net, "heal a c");
    EXPECT_FALSE(net.topology().between(2, 0).cut);
    EXPECT_TRUE(net.topology().between(2, 1).cut);
}

TEST(Network, AResetReachesBothEndsAndIsBelieved) {
    Network net = network("host a\nhost b\nlink a b rtt=80ms\n");
    net.on_packet(packet_of({.sequence = 1, .acknowledged = 500}), {0});
    EXPECT_EQ(drain(net).size(), 1u);
    EXPECT_EQ(tell(net, "reset a b"), "1 connections reset\n") << "of which one side was heard";
    auto all = drain(net);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].packet.to, 0);
    EXPECT_EQ(all[0].packet.flags(), kRst);
    EXPECT_EQ(all[0].packet.sequence(), 500u) << "what a said it waits for";

    // Whoever still speaks on it is answered at once; nothing of it passes.
    net.on_packet(packet_of({.sequence = 1, .acknowledged = 600}), {0});
    all = drain(net);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].packet.sequence(), 600u);
    EXPECT_EQ(tell(net, "reset a b"), "0 connections reset\n");

    net.on_packet(packet_of({.flags = kSyn}), {0});
    all = drain(net);
    ASSERT_EQ(all.size(), 1u) << "a new connection between the same ports works";
    EXPECT_EQ(all[0].packet.flags(), kSyn);
    net.on_packet(packet_of({}), {0});
    EXPECT_EQ(drain(net).size(), 1u);
}

TEST(Network, OneConnectionIsResetAndNoneThatIsClosing) {
    Network net = network("host a\nhost b\n");
    const auto hear_both = [&](uint8_t flags) {
        net.on_packet(packet_of({.from = 0, .to = 1, .flags = flags}), {0});
        Packet back = packet_of({.from = 1, .to = 0, .flags = kAck});
        std::swap(back.header[20], back.header[22]);  // the ports' upper octets; the lower ones are 0
        net.on_packet(back, {0});
    };
    hear_both(kAck);
    drain(net);
    EXPECT_EQ(tell(net, "reset a b one"), "1 connections reset\n");
    EXPECT_EQ(drain(net).size(), 2u) << "both ends are told";
    EXPECT_EQ(tell(net, "reset a b one"), "0 connections reset\n");
    net.on_packet(packet_of({.flags = kSyn}), {0});
    hear_both(kAck | kFin);
    EXPECT_EQ(tell(net, "reset a b one"), "0 connections reset\n");
    EXPECT_EQ(tell(net, "reset a b"), "1 connections reset\n");
}

TEST(Commands, RefuseWhatTheyDoNotKnow) {
    Network net = network("host a\nhost b\n");
    for (const char* line :
         {"", "partition", "heal a", "reset a", "reset a z", "reset a b two", "stats now", "fly", "seed 3"})
        EXPECT_THROW(tell(net, line), Error) << line;
}

}  // namespace
}  // namespace stress::wan

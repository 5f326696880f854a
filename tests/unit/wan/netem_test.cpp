// The kernel's network: which commands a topology and each change of it mean, and what happens at run time,
// with a kernel that is made up. Whether real tools understand the commands: tests/net/netem_test.cpp.
#include "stress/wan/netem.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "stress/wan/kernel_network.h"

namespace stress::wan {
namespace {

using Lines = std::vector<std::string>;

Topology parse(const std::string& text) {
    std::istringstream stream(text);
    return parse_topology(stream, "t");
}

// The commands in one namespace that contain a text.
Lines lines_with(const Commands& commands, const std::string& name_space, const std::string& text) {
    Lines found;
    for (const auto& command : commands)
        if (command.name_space == name_space && command.line.find(text) != std::string::npos)
            found.push_back(command.line);
    return found;
}

Lines changes(const std::string& topology, const Lines& commands) {
    const Topology is = parse(topology);
    Topology becomes = is;
    for (const auto& each : commands) change(becomes, words_of(each));
    Lines all;
    for (const auto& [name_space, line] : commands_between(is, becomes, "l"))
        all.push_back(name_space + ": " + line);
    return all;
}

constexpr const char* kUnlimitedTbf = "tbf rate 100000mbit burst 12501500 limit 1000000000";

TEST(Netem, AnAccessLineShapesEachOfItsTwoWays) {
    const Commands all = commands_for(
        parse("host a up=10mbit down=80mbit up_queue=200ms down_queue=64kb\nhost b up=9600bit\n"), "l");
    EXPECT_EQ(
        lines_with(all, "whim-l-a.line", "tc "),
        (Lines{
            "tc qdisc add dev net root handle 1: stab overhead -14 tbf rate 10mbit burst 2750 limit 251500",
            "tc qdisc add dev lan root handle 1: stab overhead -14 tbf rate 80mbit burst 11500 limit "
            "65500"}));
    EXPECT_EQ(lines_with(all, "whim-l-b.line", "dev net root"),
              (Lines{"tc qdisc add dev net root handle 1: stab overhead -14 tbf rate 0.0096mbit burst 1501 "
                     "limit 1560"}));
    EXPECT_EQ(lines_with(all, "whim-l-b.line", "dev lan root"),
              (Lines{std::string("tc qdisc add dev lan root handle 1: stab overhead -14 ") + kUnlimitedTbf}));
}

TEST(Netem, EachDirectionHasItsOwnConditions) {
    const Commands all =
        commands_for(parse("host a\nhost b\nlink a b rtt=80ms\n"
                           "oneway b a delay=7ms jitter=5ms loss=0.1% rate=20mbit queue=100ms\n"),
                     "l");
    EXPECT_EQ(
        lines_with(all, "whim-l-.core", "dev h1 "),
        (Lines{"ip route add 10.77.0.2/32 via 10.77.255.1 dev h1 onlink",
               "tc qdisc add dev h1 root handle 1: stab overhead -14 htb",
               "tc class add dev h1 parent 1: classid 1:1 htb rate 100000mbit burst 12500000 cburst 12500000 "
               "quantum 60000",
               "tc qdisc add dev h1 parent 1:1 handle 10: netem limit 1000000 delay 40ms 0ms rate 100000mbit "
               "loss random 0%",
               std::string("tc qdisc add dev h1 parent 10:1 handle 20: ") + kUnlimitedTbf,
               "tc filter add dev h1 parent 1: protocol ip prio 1 u32 match ip src 10.77.0.1/32 flowid 1:1"}))
        << "what comes to b from a";
    EXPECT_EQ(
        lines_with(all, "whim-l-.core", "dev h0 parent"),
        (Lines{"tc class add dev h0 parent 1: classid 1:2 htb rate 100000mbit burst 12500000 cburst 12500000 "
               "quantum 60000",
               "tc qdisc add dev h0 parent 1:2 handle 11: netem limit 1000000 delay 9.5ms 2.5ms rate "
               "100000mbit loss random 0.1%",
               "tc qdisc add dev h0 parent 11:1 handle 21: tbf rate 20mbit burst 4000 limit 251500",
               "tc filter add dev h0 parent 1: protocol ip prio 1 u32 match ip src 10.77.0.2/32 flowid 1:2"}))
        << "jitter is 7 to 12 ms";
}

TEST(Netem, AHostHasItsAddressAndItsWayOut) {
    const Commands all = commands_for(parse("host a\nhost b\ncongestion cubic\n"), "l");
    EXPECT_EQ(
        lines_with(all, "whim-l-b", "ip "),
        (Lines{
            "ip link add wan0 type veth peer name lan netns whim-l-b.line", "ip link set lo up",
            "ip link set wan0 mtu 1500 gso_max_segs 1 up", "ip address add 10.77.0.2/32 dev wan0",
            "ip route add 10.77.0.0/24 via 10.77.255.1 dev wan0 onlink src 10.77.0.2 congctl lock cubic"}));
    EXPECT_EQ(lines_with(commands_for(parse("host a\nhost b\n"), "l"), "whim-l-a", "congctl"), Lines{});
}

// A namespace is added before anything is done in it or with it, and is one of those that are removed.
TEST(Netem, EveryNamespaceIsMadeFirstAndKnown) {
    const Commands all = commands_for(parse("host a\nhost b\nhost c\n"), "l");
    const Lines known = namespaces_of("l", {"a", "b", "c"});
    std::set<std::string> made;
    for (const auto& [name_space, line] : all) {
        if (name_space.empty()) {
            ASSERT_EQ(line.rfind("ip netns add ", 0), 0u) << line;
            made.insert(line.substr(13));
        } else {
            EXPECT_TRUE(made.contains(name_space)) << line;
            const size_t other = line.find(" netns ");
            EXPECT_TRUE(other == std::string::npos || made.contains(line.substr(other + 7))) << line;
        }
    }
    EXPECT_EQ(made.size(), 7u);
    EXPECT_EQ(made, std::set<std::string>(known.begin(), known.end()));
}

TEST(Netem, ManyHostsHaveHandlesOfTheirOwn) {
    std::string text;
    for (size_t i = 0; i < kHostsMax; ++i) text += "host h" + std::to_string(i) + "\n";
    const Lines at_first = lines_with(commands_for(parse(text), "l"), "whim-l-.core", "tc qdisc add dev h0 ");
    std::set<std::string> handles;
    for (const auto& line : at_first) handles.insert(words_of(line.substr(line.find("handle")))[1]);
    EXPECT_EQ(handles.size(), 1 + 2 * (kHostsMax - 1));
    EXPECT_EQ(
        lines_with(commands_for(parse(text), "l"), "whim-l-.core", "dev h0 parent 1:10 handle 1f: netem")
            .size(),
        1u);
}

TEST(Netem, AQueueIsAtMostWhatTbfCanCount) {
    const Commands all = commands_for(parse("host a up=100gbit up_queue=10s\nhost b\n"), "l");
    EXPECT_EQ(lines_with(all, "whim-l-a.line", "limit 4000000000").size(), 1u);
}

constexpr const char* kThree = "host a up=10mbit\nhost b\nhost c\nlink * * rtt=80ms\n";

TEST(Netem, AChangeIsTheCommandsOfWhatDiffers) {
    EXPECT_EQ(changes(kThree, {}), Lines{});
    EXPECT_EQ(changes(kThree, {"set a b rtt=80ms", "host a up=10mbit"}), Lines{}) << "as it was";
    EXPECT_EQ(
        changes(kThree, {"oneway a b loss=2%"}),
        (Lines{
            "whim-l-.core: tc qdisc change dev h1 parent 1:1 handle 10: netem limit 1000000 delay 40ms 0ms "
            "rate 100000mbit loss random 2%"}));
    EXPECT_EQ(
        changes(kThree, {"set c b delay=1ms"}),
        (Lines{"whim-l-.core: tc qdisc change dev h1 parent 1:3 handle 12: netem limit 1000000 delay 1ms 0ms "
               "rate 100000mbit loss random 0%",
               "whim-l-.core: tc qdisc change dev h2 parent 1:2 handle 11: netem limit 1000000 delay 1ms 0ms "
               "rate 100000mbit loss random 0%"}));
    EXPECT_EQ(
        changes(kThree, {"oneway b c rate=1mbit"}),
        (Lines{"whim-l-.core: tc qdisc change dev h2 parent 11:1 handle 21: tbf rate 1mbit burst 1625 limit "
               "7750"}));
    EXPECT_EQ(
        changes(kThree, {"host a up=unlimited down=1gbit"}),
        (Lines{
            std::string("whim-l-a.line: tc qdisc change dev net root handle 1: stab overhead -14 ") +
                kUnlimitedTbf,
            "whim-l-a.line: tc qdisc change dev lan root handle 1: stab overhead -14 tbf rate 1000mbit burst "
            "126500 limit 6251500"}));
}

TEST(Netem, APartitionIsARuleAtEachReceiver) {
    EXPECT_EQ(changes(kThree, {"partition a b"}),
              (Lines{"whim-l-a.line: ip rule add priority 101 from 10.77.0.2 to 10.77.0.1 blackhole",
                     "whim-l-b.line: ip rule add priority 100 from 10.77.0.1 to 10.77.0.2 blackhole"}));
    EXPECT_EQ(changes(kThree, {"partition a", "heal a b"}),
              (Lines{"whim-l-a.line: ip rule add priority 102 from 10.77.0.3 to 10.77.0.1 blackhole",
                     "whim-l-c.line: ip rule add priority 100 from 10.77.0.1 to 10.77.0.3 blackhole"}));
    const Topology is = parse(kThree);
    Topology cut = is;
    change(cut, words_of("partition c a"));
    const Commands healed = commands_between(cut, is, "l");
    ASSERT_EQ(healed.size(), 2u);
    EXPECT_EQ(healed[0].line, "ip rule del priority 102");
    EXPECT_EQ(healed[1].name_space, "whim-l-c.line");
    EXPECT_EQ(healed[1].line, "ip rule del priority 100");
}

// Whatever is changed ends up as it would have been made.
TEST(Netem, AChangedNetworkIsTheOneThatWouldHaveBeenMade) {
    const Topology is = parse("host a up=1mbit\nhost b down=2mbit\nhost c\nlink a b rtt=10ms\n");
    const Topology becomes = parse(
        "host a up=2mbit up_queue=1s\nhost b\nhost c down=5mbit\nlink * * rtt=30ms jitter=1ms\n"
        "oneway a c rate=7mbit queue=9kb\nlink b c loss=3%\n");
    std::set<std::string> live, made;
    // Without its verb a command names a qdisc and what it is like; without the latter, the qdisc.
    const auto note = [](std::set<std::string>& all, const Command& command) {
        const auto words = words_of(command.line);
        if (words[1] != "qdisc") return;
        std::string key = command.name_space, rest;
        for (size_t i = 3; i < words.size(); ++i) (rest.empty() && i < 9 ? key : rest) += " " + words[i];
        std::erase_if(all, [&](const std::string& other) { return other.rfind(key + " ", 0) == 0; });
        all.insert(key + rest);
    };
    for (const auto& command : commands_for(is, "l")) note(live, command);
    for (const auto& command : commands_for(becomes, "l")) note(made, command);
    ASSERT_NE(live, made);
    for (const auto& command : commands_between(is, becomes, "l")) note(live, command);
    EXPECT_EQ(live, made);
}

TEST(Netem, TheProbeNeedsAllThatAPathNeeds) {
    std::string all;
    for (const auto& line : probes()) all += line + "\n";
    for (const char* kind : {" htb", " netem ", " tbf ", " u32 ", "stab "})
        EXPECT_NE(all.find(kind), std::string::npos) << kind;
}

// A kernel that does everything and has what connections it is given.
class MadeUp {
public:
    explicit MadeUp(const std::string& topology)
        : network(parse(topology), "l", [this](const Command& command) { return execute(command); }) {}
    Lines take() { return std::exchange(heard_, {}); }

    std::string connections;  // as `ss` lists those of host a
    bool can_close = true;
    std::string broken;  // what it refuses
    KernelNetwork network;

private:
    std::string execute(const Command& command) {
        heard_.push_back(command.name_space + ": " + command.line);
        if (!broken.empty() && command.line.find(broken) != std::string::npos)
            throw Error("failed: " + command.line);
        const auto has = [&](const char* text) { return command.line.find(text) != std::string::npos; };
        if (!has("ss ") || (has("-K") && !can_close)) return "";
        return has("src") ? "one\n" : connections;
    }

    Lines heard_;
};

constexpr const char* kTwoOpen =
    "0      0      10.77.0.1:40000 10.77.0.2:4711 \n0      36     10.77.0.1:4712  10.77.0.2:40001\n";

TEST(KernelNetwork, CarriesOutAChangeAndGoesOnFromThere) {
    MadeUp kernel("host a\nhost b\n");
    kernel.network.carry_out("partition a b");
    EXPECT_EQ(kernel.take().size(), 2u);
    kernel.network.carry_out("partition *");
    EXPECT_EQ(kernel.take(), Lines{}) << "all are outside of nobody";
    kernel.network.carry_out("partition a");
    EXPECT_EQ(kernel.take(), Lines{}) << "it is cut already";
    kernel.network.carry_out("heal");
    EXPECT_EQ(kernel.take(),
              (Lines{"whim-l-a.line: ip rule del priority 101", "whim-l-b.line: ip rule del priority 100"}));
}

TEST(KernelNetwork, WhatTheKernelRefusesHasNotHappened) {
    MadeUp kernel("host a\nhost b\n");
    kernel.broken = "netem";
    EXPECT_THROW(kernel.network.carry_out("oneway a b delay=5ms"), Error);
    kernel.broken = "";
    kernel.take();
    kernel.network.carry_out("oneway a b delay=5ms");
    EXPECT_EQ(kernel.take().size(), 1u) << "it is tried anew";
}

TEST(KernelNetwork, ResetsAllConnectionsOfAPairAtBothEnds) {
    MadeUp kernel("host a\nhost b\n");
    EXPECT_EQ(kernel.network.carry_out("reset a b"), "0 connections reset\n");
    kernel.take();
    kernel.connections = kTwoOpen;
    EXPECT_EQ(kernel.network.carry_out("reset a b"), "2 connections reset\n");
    EXPECT_EQ(kernel.take(), (Lines{"whim-l-a: ss -Htn state established dst 10.77.0.2",
                                    "whim-l-a: ss -KHtn state established dst 10.77.0.2",
                                    "whim-l-b: ss -KHtn state established dst 10.77.0.1"}));
}

TEST(KernelNetwork, ResetsOneByChance) {
    MadeUp kernel("host a\nhost b\n");
    kernel.connections = kTwoOpen;
    std::set<std::string> closed;
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(kernel.network.carry_out("reset a b one"), "1 connections reset\n");
        const Lines heard = kernel.take();
        ASSERT_EQ(heard.size(), 3u);
        closed.insert(heard[1] + " | " + heard[2]);
    }
    EXPECT_EQ(closed, (std::set<std::string>{"whim-l-a: ss -KHtn src 10.77.0.1:40000 dst 10.77.0.2:4711 | "
                                             "whim-l-b: ss -KHtn src 10.77.0.2:4711 dst 10.77.0.1:40000",
                                             "whim-l-a: ss -KHtn src 10.77.0.1:4712 dst 10.77.0.2:40001 | "
                                             "whim-l-b: ss -KHtn src 10.77.0.2:40001 dst 10.77.0.1:4712"}));
}

TEST(KernelNetwork, SaysSoWhenTheKernelClosesNothing) {
    MadeUp kernel("host a\nhost b\n");
    kernel.connections = kTwoOpen;
    kernel.can_close = false;
    EXPECT_THROW(kernel.network.carry_out("reset a b"), Error);
}

TEST(KernelNetwork, RefusesWhatItHasNotAndWhatNobodyHas) {
    MadeUp kernel("host a\nhost b\n");
    for (const char* line : {"stats", "zero"}) {
        try {
            kernel.network.carry_out(line);
            ADD_FAILURE() << line;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("--backend tun"), std::string::npos) << error.what();
        }
    }
    for (const char* line :
         {"", "partition", "heal a", "reset a", "reset a z", "reset a b two", "fly", "seed 3"})
        EXPECT_THROW(kernel.network.carry_out(line), Error) << line;
    EXPECT_EQ(kernel.take(), Lines{});
    EXPECT_EQ(kernel.network.carry_out("quit"), "");
}

}  // namespace
}  // namespace stress::wan

// Topology files and run-time changes: what they mean, and where and why a wrong one is refused.
#include "stress/wan/topology.h"

#include <gtest/gtest.h>

#include <sstream>

#include "stress/wan/units.h"

namespace stress::wan {
namespace {

Topology parse(const std::string& text) {
    std::istringstream stream(text);
    return parse_topology(stream, "t");
}

std::string complaint(const std::string& text) {
    try {
        parse(text);
    } catch (const Error& error) { return error.what(); }
    return "none";
}

TEST(Units, ReadWhatTheyPrint) {
    EXPECT_EQ(parse_duration("80ms"), whim::milliseconds(80));
    EXPECT_EQ(parse_duration("1.5s"), whim::milliseconds(1500));
    EXPECT_EQ(parse_duration("0"), whim::Duration{});
    EXPECT_DOUBLE_EQ(parse_rate("2.5gbit"), 2.5e9);
    EXPECT_DOUBLE_EQ(parse_rate("unlimited"), 0);
    EXPECT_DOUBLE_EQ(parse_share("2%"), 0.02);
    EXPECT_DOUBLE_EQ(parse_share("0.001"), 0.001);
    EXPECT_DOUBLE_EQ(parse_size("256kb"), 256'000);
    EXPECT_EQ(parse_number("42"), 42u);
}

TEST(Units, RefuseWhatTheyAreNot) {
    for (const char* text : {"", "ms", "80", "80 ms", "-1ms", "1e3ms", "nan", "inf", "80msx", "9999999999s"})
        EXPECT_THROW(parse_duration(text), std::invalid_argument) << text;
    EXPECT_THROW(parse_rate("0bit"), std::invalid_argument);
    EXPECT_THROW(parse_share("101%"), std::invalid_argument);
    EXPECT_THROW(parse_number("4x"), std::invalid_argument);
}

TEST(Topology, ReadsHostsLinksAndSettings) {
    const Topology is = parse(
        "# a comment\n"
        "host a up=10mbit down=100mbit up_queue=200ms down_queue=64kb\n"
        "host b  # unlimited\n"
        "host c\n"
        "link * * rtt=80ms\n"
        "link a b,c loss=1%\n"
        "oneway b c delay=7ms rate=1mbit\n"
        "sysctl net.ipv4.tcp_rmem=4096 131072 67108864\n"
        "congestion cubic\n"
        "seed 7\n");
    ASSERT_EQ(is.hosts.size(), 3u);
    EXPECT_DOUBLE_EQ(is.hosts[0].up.bits_per_s, 1e7);
    EXPECT_DOUBLE_EQ(queue_bytes_max(is.hosts[0].up), 250'000);
    EXPECT_DOUBLE_EQ(queue_bytes_max(is.hosts[0].down), 64'000);
    EXPECT_DOUBLE_EQ(is.hosts[1].up.bits_per_s, 0);
    EXPECT_EQ(is.between(2, 1).delay, whim::milliseconds(40));
    EXPECT_DOUBLE_EQ(is.between(2, 0).loss, 0.01);
    EXPECT_DOUBLE_EQ(is.between(2, 1).loss, 0);
    EXPECT_EQ(is.between(1, 2).delay, whim::milliseconds(7));
    EXPECT_DOUBLE_EQ(is.between(2, 1).line.bits_per_s, 0);
    ASSERT_EQ(is.sysctls.size(), 1u);
    EXPECT_EQ(is.sysctls[0].first, "net.ipv4.tcp_rmem");
    EXPECT_EQ(is.sysctls[0].second, "4096 131072 67108864");
    EXPECT_EQ(is.congestion, "cubic");
    EXPECT_EQ(is.seed, 7u);
    EXPECT_EQ(Topology::address_of(2), "10.77.0.3");
}

TEST(Topology, SaysWhereAndWhatIsWrong) {
    EXPECT_EQ(complaint("host a\nhost b\nlink a x rtt=1ms\n"), "t:3: no host 'x'");
    EXPECT_EQ(complaint("host a\nhost b\n\nlink a b rtt=soon\n"),
              "t:4: 'soon' is no time, such as 80ms or 1.5s");
    EXPECT_EQ(complaint("host a\nhost b\nlink a b speed=1\n"),
              "t:3: a link has no 'speed'; it has delay, rtt, jitter, rate, queue and loss");
    EXPECT_EQ(complaint("host a\nhost a\n"), "t:2: there are two hosts 'a'");
    EXPECT_EQ(complaint("host a\nhost b\nlink a b rtt=1ms\nhost c\n"), "t:4: hosts come before the links");
    EXPECT_EQ(complaint("host a\n"), "t:1: fewer than two hosts");
    EXPECT_EQ(complaint("host a\nhost b\nlink a b rtt\n"), "t:3: 'rtt' is not of the form KEY=VALUE");
    EXPECT_EQ(complaint("hosts a\n").substr(0, 30), "t:1: unknown statement 'hosts'");
    EXPECT_EQ(complaint("host a/b\n").substr(0, 27), "t:1: 'a/b' is no host's nam");
    EXPECT_EQ(complaint("host a\nhost b\ncongestion x;y\n"), "t:3: 'x;y' is no congestion control");
}

TEST(Topology, AWrongChangeChangesNothing) {
    Topology is = parse("host a\nhost b\nlink a b rtt=80ms\n");
    change(is, words_of("set a b rtt=10ms loss=1%"));
    EXPECT_EQ(is.between(1, 0).delay, whim::milliseconds(5));
    EXPECT_THROW(change(is, words_of("set a b rtt=20ms loss=lots")), std::exception);
    EXPECT_EQ(is.between(1, 0).delay, whim::milliseconds(5));
    EXPECT_THROW(change(is, words_of("seed 3")), Error);
    EXPECT_THROW(change(is, words_of("host c up=1mbit")), Error);
    change(is, words_of("host * up=1mbit"));
    EXPECT_DOUBLE_EQ(is.hosts[1].up.bits_per_s, 1e6);
}

}  // namespace
}  // namespace stress::wan

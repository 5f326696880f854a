// The kernel's network with real tools: `ip`, `tc` and `ss` are given each command that netem.h makes, and
// all but netem itself, which few kernels of virtual machines have, carries traffic on every kernel.
//
// Where there is no netem, exactly its own commands are let fail, if the kernel's word is that it does not
// know the kind: `tc` has understood them then. What needs delays and losses is skipped. Skipped as a whole
// without root.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "stress/process.h"
#include "stress/wan/backend.h"
#include "stress/wan/kernel_network.h"
#include "wan_sockets.h"

namespace stress::wan {
namespace {

constexpr size_t kBytes = 4'000'000;  // 0.8 s at 40 Mbit/s

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Whether a command failed since the kernel does not have what it names, rather than for what it says. The
// second: of a change, where something else is in the place of what there is not.
bool lacks(const std::string& problem) {
    return contains(problem, "Specified qdisc kind is unknown") ||
           contains(problem, "NLM_F_REPLACE needed to override");
}

Topology parse(const std::string& text) {
    std::istringstream stream(text);
    return parse_topology(stream, "t");
}

// A lab without files and process, made by a KernelNetwork; its namespaces end with it.
class Made {
public:
    explicit Made(const std::string& text)
        : topology_(parse(text)),
          network_(topology_, name_, [this](const Command& each) { return carry_out(each); }) {
        try {
            network_.make();
        } catch (...) {
            remove();
            throw;
        }
    }
    ~Made() { remove(); }

    std::string tell(const std::string& line) { return network_.carry_out(line); }
    Spot at(size_t host) const {
        return {namespace_of(name_, topology_.hosts[host].name), Topology::address_of(host)};
    }
    size_t carried_out() const { return carried_out_; }
    size_t not_in_the_kernel() const { return not_in_the_kernel_; }

private:
    void remove() const {
        std::vector<std::string> hosts;
        for (const auto& host : topology_.hosts) hosts.push_back(host.name);
        for (const auto& name_space : namespaces_of(name_, hosts)) remove_host(name_space);
    }

    std::string carry_out(const Command& command) {
        ++carried_out_;
        try {
            return execute(command);
        } catch (const Error& problem) {
            if (contains(command.line, " netem ") && lacks(problem.what())) {
                ++not_in_the_kernel_;
                lacking_.insert(command.line.substr(0, command.line.find(" netem ")));
                return "";
            }
            return carry_out_in_its_place(command, problem);
        }
    }

    // What stands behind a netem that is not there takes its place.
    std::string carry_out_in_its_place(Command command, const Error& problem) {
        for (const auto& netem : lacking_) {
            const auto words = words_of(netem);  // tc qdisc VERB dev DEVICE parent CLASS handle HANDLE
            const std::string behind = "dev " + words[4] + " parent " + words[8] + "1 ";
            const size_t where = command.line.find(behind);
            if (where == std::string::npos || !contains(problem.what(), "Failed to find specified qdisc"))
                continue;
            return execute(
                {command.name_space, command.line.replace(where, behind.size(),
                                                          "dev " + words[4] + " parent " + words[6] + " ")});
        }
        throw problem;
    }

    static inline int count_ = 0;
    const std::string name_ = "nt" + std::to_string(getpid()) + "-" + std::to_string(count_++);
    const Topology topology_;
    size_t carried_out_ = 0, not_in_the_kernel_ = 0;
    std::set<std::string> lacking_;
    KernelNetwork network_;
};

class Netem : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = why_no_labs()) GTEST_SKIP() << *reason;
    }
};

// Where the kernel has all of it.
class WholeNetem : public Netem {
protected:
    void SetUp() override {
        if (const auto reason = why_unavailable(Backend::netem)) GTEST_SKIP() << *reason;
    }
};

TEST_F(Netem, EveryCommandIsUnderstood) {
    Made lab(
        "host a up=10mbit down=100mbit up_queue=200ms down_queue=64kb\nhost b up=9600bit\nhost c\n"
        "link * * rtt=80ms\nlink a b loss=0.001% jitter=300us rate=7gbit\noneway b c delay=1.5s queue=9kb\n"
        "congestion cubic\n");
    for (const char* line :
         {"set a b rtt=10ms", "set * * loss=33.3333% jitter=0", "oneway a c rate=1mbit queue=1b",
          "host b up=unlimited", "host * down=3gbit down_queue=10s", "partition a", "heal a b", "heal",
          "reset a b", "reset * * one"})
        EXPECT_NO_THROW(lab.tell(line)) << line;
    const size_t ways = 6, changed_ways = 2 + 6;
    const bool is_whole = !why_unavailable(Backend::netem);
    EXPECT_EQ(lab.not_in_the_kernel(), is_whole ? 0 : ways + changed_ways);
    EXPECT_GT(lab.carried_out(), 80u);
    RecordProperty("carried_out", static_cast<int>(lab.carried_out()));
    RecordProperty("not_in_the_kernel", static_cast<int>(lab.not_in_the_kernel()));
}

TEST_F(Netem, AWrongCommandIsNotTakenForAMissingKind) {
    const Inside scratch;
    for (const auto& [right, wrong] :
         std::vector<std::pair<std::string, std::string>>{{"netem", "netem dely 1ms"},
                                                          {"loss random", "loss often"},
                                                          {"quantum", "quanta"},
                                                          {"match ip", "match ap"}}) {
        std::string line;
        for (const auto& probe : probes())
            if (contains(probe, right)) line = probe;
        ASSERT_FALSE(line.empty()) << right;
        line.replace(line.find(right), right.size(), wrong);
        try {
            run(line);
            ADD_FAILURE() << line;
        } catch (const Error& problem) { EXPECT_FALSE(lacks(problem.what())) << problem.what(); }
    }
}

TEST_F(Netem, EachLineCarriesItsRateAndNoMore) {
    for (const char* text : {"host a up=40mbit\nhost b\n", "host a\nhost b down=40mbit\n",
                             "host a\nhost b\noneway a b rate=40mbit\n"}) {
        const Made lab(text);
        const double ms = transfer_ms(lab.at(0), lab.at(1), kBytes);
        EXPECT_GE(ms, 700) << text;
        EXPECT_LT(ms, 8000) << text;
        EXPECT_LT(transfer_ms(lab.at(1), lab.at(0), kBytes), 700) << "the other way is unlimited: " << text;
    }
}

TEST_F(Netem, ARateIsChangedWhileItIsUp) {
    Made lab("host a up=1mbit\nhost b\n");
    lab.tell("host a up=unlimited");
    EXPECT_LT(transfer_ms(lab.at(0), lab.at(1), kBytes), 700);
    lab.tell("host a up=40mbit");
    EXPECT_GE(transfer_ms(lab.at(0), lab.at(1), kBytes), 700);
}

TEST_F(Netem, APartitionIsSilentUntilItIsHealed) {
    Made lab("host a\nhost b\nhost c\n");
    const Descriptor at_b = listen_at(lab.at(1)), at_c = listen_at(lab.at(2));
    lab.tell("partition a b");
    EXPECT_LT(connect_from(lab.at(0), lab.at(1), 300).get(), 0);
    EXPECT_GE(connect_from(lab.at(0), lab.at(2), kPatienceMs).get(), 0) << "c is somebody else";
    lab.tell("heal");
    EXPECT_GE(connect_from(lab.at(0), lab.at(1), kPatienceMs).get(), 0);
}

TEST_F(Netem, AResetIsHeardAtBothEndsOfThePairAlone) {
    Made lab("host a\nhost b\nhost c\n");
    const Descriptor at_b = listen_at(lab.at(1)), at_c = listen_at(lab.at(2));
    const Descriptor client = connect_from(lab.at(0), lab.at(1), kPatienceMs), server = accept_at(at_b);
    const Descriptor other = connect_from(lab.at(0), lab.at(2), kPatienceMs);
    try {
        EXPECT_EQ(lab.tell("reset a b"), "1 connections reset\n");
    } catch (const Error& problem) {
        ASSERT_NE(std::string(problem.what()).find("CONFIG_INET_DIAG_DESTROY"), std::string::npos)
            << problem.what();
        GTEST_SKIP() << problem.what();
    }
    for (const Descriptor* end : {&client, &server}) {
        char byte;
        ASSERT_TRUE(becomes(*end, POLLIN, kPatienceMs));
        EXPECT_LT(recv(end->get(), &byte, 1, 0), 0);
        EXPECT_TRUE(errno == ECONNABORTED || errno == ECONNRESET) << errno;
    }
    EXPECT_FALSE(becomes(other, POLLIN, 100));
    EXPECT_EQ(lab.tell("reset a b"), "0 connections reset\n");
    EXPECT_GE(connect_from(lab.at(0), lab.at(1), kPatienceMs).get(), 0);
}

// Datagrams of one byte count, one after the other: those that arrive, in the order in which they do.
std::vector<uint32_t> send_datagrams(const Made& lab, uint32_t count) {
    const Descriptor receiver = bound_at(lab.at(1), SOCK_DGRAM), sender = socket_at(lab.at(0), SOCK_DGRAM);
    const sockaddr_in to = address_of(lab.at(1));
    std::vector<uint32_t> heard;
    const auto hear = [&](int patience_ms) {
        uint32_t number = 0;
        while (becomes(receiver, POLLIN, patience_ms) && recv(receiver.get(), &number, sizeof number, 0) > 0)
            heard.push_back(number);
    };
    for (uint32_t i = 0; i < count; ++i) {
        EXPECT_GT(sendto(sender.get(), &i, sizeof i, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
                  0);
        hear(0);
        usleep(200);
    }
    hear(500);
    return heard;
}

double handshake_ms(const Made& lab) {
    const Descriptor listener = listen_at(lab.at(1));
    double best_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
        const auto start = Clock::now();
        EXPECT_GE(connect_from(lab.at(0), lab.at(1), kPatienceMs).get(), 0);
        best_ms = std::min(best_ms, ms_since(start));
    }
    return best_ms;
}

TEST_F(WholeNetem, ARoundTripTakesItsTimeAlsoWhenItChanges) {
    Made lab("host a\nhost b\nlink a b rtt=80ms\n");
    double ms = handshake_ms(lab);
    EXPECT_GE(ms, 80);
    EXPECT_LT(ms, 160);
    lab.tell("oneway b a delay=5ms");
    ms = handshake_ms(lab);
    EXPECT_GE(ms, 45);
    EXPECT_LT(ms, 75);
}

TEST_F(WholeNetem, LossesAreTheShareThatWasSaid) {
    Made lab("host a\nhost b\noneway a b delay=5ms loss=20%\n");
    const size_t heard = send_datagrams(lab, 2000).size();
    EXPECT_GT(heard, 1500u);  // the mean is 1600, the standard deviation 18
    EXPECT_LT(heard, 1700u);
    lab.tell("oneway a b loss=0");
    EXPECT_EQ(send_datagrams(lab, 500).size(), 500u);
    lab.tell("oneway a b loss=100%");
    EXPECT_EQ(send_datagrams(lab, 20).size(), 0u);
}

TEST_F(WholeNetem, PacketsDoNotOvertakeEachOther) {
    Made lab("host a\nhost b\nlink a b delay=20ms jitter=20ms\n");
    const auto heard = send_datagrams(lab, 1000);
    EXPECT_EQ(heard.size(), 1000u);
    EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
}

TEST_F(WholeNetem, APartitionTakesWhatIsOnItsWay) {
    Made lab("host a\nhost b\n");
    const Descriptor receiver = bound_at(lab.at(1), SOCK_DGRAM), sender = socket_at(lab.at(0), SOCK_DGRAM);
    const sockaddr_in to = address_of(lab.at(1));
    const auto send_one = [&] {
        return sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    };
    EXPECT_EQ(send_one(), 1);
    ASSERT_TRUE(becomes(receiver, POLLIN, kPatienceMs));
    char byte;
    recv(receiver.get(), &byte, 1, 0);
    lab.tell("set a b delay=2s");  // longer than any machine needs for a command
    EXPECT_EQ(send_one(), 1);
    lab.tell("partition a b");
    EXPECT_FALSE(becomes(receiver, POLLIN, 2500));
    lab.tell("heal");
    EXPECT_EQ(send_one(), 1);
    EXPECT_TRUE(becomes(receiver, POLLIN, kPatienceMs));
}

TEST_F(WholeNetem, ALongPathIsFilled) {
    const Made lab("host a up=40mbit\nhost b\nlink a b rtt=80ms rate=100mbit\n");
    const double ms = transfer_ms(lab.at(0), lab.at(1), 2 * kBytes);
    EXPECT_GE(ms, 1500);
    EXPECT_LT(ms, 6000);
}

// The program.

std::string whim_wan(const std::string& lab) {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return (here / "whim_wan").string() + " --lab " + lab + " ";
}

std::string topology_file(const std::string& text) {
    const std::string path = testing::TempDir() + "netem_test.topology";
    std::ofstream(path) << text;
    return path;
}

size_t namespaces_left(const std::string& lab) {
    size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator("/run/netns"))
        count += contains(each.path().filename(), namespace_of(lab, ""));
    return count;
}

TEST_F(Netem, TheProgramSaysWhichBackendItTookAndWhy) {
    const std::string lab = "nt" + std::to_string(getpid()) + "p", file = topology_file("host a\nhost b\n");
    if (const auto reason = why_unavailable()) GTEST_SKIP() << *reason;
    const auto no_netem = why_unavailable(Backend::netem);
    const std::string said = run(whim_wan(lab) + "up " + file);
    EXPECT_EQ(said.substr(0, said.find('\n')),
              no_netem ? "backend tun, without tc netem: " + *no_netem : "backend netem, the kernel has it");
    run(whim_wan(lab) + "exec a true");
    run(whim_wan(lab) + "down");
    EXPECT_EQ(run(whim_wan(lab) + "up " + file + " --backend tun").substr(0, 24),
              "backend tun, asked for\na");
    run(whim_wan(lab) + "down");
    EXPECT_EQ(namespaces_left(lab), 0u);
    EXPECT_THROW(run(whim_wan(lab) + "up " + file + " --backend fast"), Error);
    if (!no_netem) return;
    EXPECT_EQ(run(whim_wan(lab) + "up " + file + " --backend netem; echo $?"),
              "whim_wan: " + *no_netem + "\n77\n");
    EXPECT_EQ(namespaces_left(lab), 0u);
}

TEST_F(WholeNetem, TheProgramMakesItChangesItAndLeavesNothing) {
    const std::string lab = "nt" + std::to_string(getpid()) + "w";
    const std::string file =
        topology_file("host a up=10mbit\nhost b\nlink a b rtt=10ms\nsysctl net.ipv4.ip_default_ttl=33\n");
    run(whim_wan(lab) + "up " + file + " --backend netem");
    EXPECT_EQ(run(whim_wan(lab) + "exec b cat /proc/sys/net/ipv4/ip_default_ttl"), "33\n");
    EXPECT_EQ(run(whim_wan(lab) + "set a b rtt=60ms"), "");
    const Spot a{namespace_of(lab, "a"), "10.77.0.1"}, b{namespace_of(lab, "b"), "10.77.0.2"};
    const Descriptor listener = listen_at(b);
    connect_from(a, b, kPatienceMs);  // addresses are resolved
    const auto start = Clock::now();
    EXPECT_GE(connect_from(a, b, kPatienceMs).get(), 0);
    EXPECT_GE(ms_since(start), 60);
    EXPECT_THROW(run(whim_wan(lab) + "stats"), Error);
    run(whim_wan(lab) + "down");
    EXPECT_EQ(namespaces_left(lab), 0u);
    EXPECT_FALSE(std::filesystem::exists("/run/whim-wan/" + lab));
}

TEST_F(WholeNetem, WhatFailsHalfWayIsRemoved) {
    const std::string lab = "nt" + std::to_string(getpid()) + "h";
    const std::string file = topology_file("host a\nhost b\nsysctl net.ipv4.no_such_thing=1\n");
    EXPECT_THROW(run(whim_wan(lab) + "up " + file + " --backend netem"), Error);
    EXPECT_EQ(namespaces_left(lab), 0u);
    EXPECT_FALSE(std::filesystem::exists("/run/whim-wan/" + lab));
}

}  // namespace
}  // namespace stress::wan

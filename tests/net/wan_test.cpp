// The emulated WAN with the kernel's own TCP: coarse times and rates, partitions, resets, and what is left
// behind.
//
// Bounds are wide above, since a busy machine is slow, and tight below, where only a fault could be. Skipped
// without root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "stress/wan/wan.h"
#include "wan_sockets.h"

namespace stress::wan {
namespace {

class Wan : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = why_unavailable()) GTEST_SKIP() << *reason;
    }
};

Spot at(const Lab& lab, size_t host) {
    return {namespace_of(lab.name(), lab.hosts()[host]), lab.places()[host].address};
}

TEST_F(Wan, ARoundTripTakesItsTime) {
    const Lab lab("host a\nhost b\nlink a b rtt=80ms\n");
    const Descriptor listener = listen_at(at(lab, 1));
    double best_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
        const auto start = Clock::now();
        const Descriptor client = connect_from(at(lab, 0), at(lab, 1), kPatienceMs);
        ASSERT_GE(client.get(), 0);
        best_ms = std::min(best_ms, ms_since(start));
    }
    EXPECT_GE(best_ms, 80);
    EXPECT_LT(best_ms, 160);
}

TEST_F(Wan, ALineCarriesItsRateAndNoMore) {
    constexpr size_t kBytes = 4'000'000;  // 0.8 s at 40 Mbit/s
    const Lab lab("host a up=40mbit\nhost b\nlink a b rtt=2ms\n");
    const double ms = transfer_ms(at(lab, 0), at(lab, 1), kBytes);
    EXPECT_GE(ms, 700) << "a queue of 50 ms is not waited for";
    EXPECT_LT(ms, 8000);
    const Stats stats = lab.stats();
    EXPECT_GE(stats.ways.at({"a", "b"}).delivered_bytes, kBytes);
    EXPECT_GT(stats.ways.at({"b", "a"}).delivered_packets, 0u);
    EXPECT_GT(stats.cpu_share, 0);
}

TEST_F(Wan, APartitionIsSilentUntilItIsHealed) {
    const Lab lab("host a\nhost b\n");
    const Descriptor listener = listen_at(at(lab, 1));
    lab.tell("partition a b");
    EXPECT_LT(connect_from(at(lab, 0), at(lab, 1), 300).get(), 0);
    EXPECT_GT(lab.stats().ways.at({"a", "b"}).dropped_by_cut, 0u);
    lab.tell("heal");
    EXPECT_GE(connect_from(at(lab, 0), at(lab, 1), kPatienceMs).get(), 0);
}

TEST_F(Wan, AResetIsHeardAtBothEnds) {
    const Lab lab("host a\nhost b\nlink a b rtt=10ms\n");
    const Descriptor listener = listen_at(at(lab, 1));
    const Descriptor client = connect_from(at(lab, 0), at(lab, 1), kPatienceMs);
    const Descriptor server = accept_at(listener);
    for (const Descriptor* end : {&client, &server}) ASSERT_EQ(send(end->get(), "x", 1, MSG_NOSIGNAL), 1);
    for (const Descriptor* end : {&client, &server}) {
        char byte;
        ASSERT_TRUE(becomes(*end, POLLIN, kPatienceMs));
        ASSERT_EQ(recv(end->get(), &byte, 1, 0), 1);
    }
    lab.tell("reset a b");
    for (const Descriptor* end : {&client, &server}) {
        char byte;
        // An acknowledgement may have been on its way: who speaks next is told.
        if (!becomes(*end, POLLIN, 500)) send(end->get(), "y", 1, MSG_NOSIGNAL);
        ASSERT_TRUE(becomes(*end, POLLIN, kPatienceMs));
        EXPECT_LT(recv(end->get(), &byte, 1, 0), 0);
        EXPECT_EQ(errno, ECONNRESET);
    }
    EXPECT_GE(connect_from(at(lab, 0), at(lab, 1), kPatienceMs).get(), 0);
}

TEST_F(Wan, WhatARouterLeavesIsRemovedByTheNext) {
    const std::string path = testing::TempDir() + "wan_test.topology";
    std::ofstream(path) << "host a\nhost b\n";
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const std::string name = "left" + std::to_string(getpid());
    const auto start = [&] { return Child::start_program({here / "whim_wan", "--lab", name, "run", path}); };
    Child killed = start();
    killed.expect("up", Millis(60'000));
    Child stays = Child::start_program({"ip", "netns", "exec", namespace_of(name, "a"), "sleep", "1000"});
    killed.kill_hard();
    Child next = start();
    next.expect("up", Millis(60'000));
    EXPECT_FALSE(stays.finish(Millis(kPatienceMs))) << "it was killed";
    EXPECT_TRUE(next.finish(Millis(60'000)));
    EXPECT_FALSE(std::filesystem::exists("/run/netns/" + namespace_of(name, "a")));
}

}  // namespace
}  // namespace stress::wan

// The emulated WAN with the kernel's own TCP: coarse times and rates, partitions, resets, and what is left
// behind.
//
// Bounds are wide above, since a busy machine is slow, and tight below, where only a fault could be. Skipped
// without root.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "stress/wan/netns.h"
#include "stress/wan/wan.h"

namespace stress::wan {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kPort = 4711;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Wan : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = why_unavailable()) GTEST_SKIP() << *reason;
    }
};

sockaddr_in address_of(const Lab& lab, size_t host) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    inet_pton(AF_INET, lab.places()[host].address.c_str(), &address.sin_addr);
    return address;
}

// A TCP socket of a host that blocks in nothing.
Descriptor tcp_socket(const Lab& lab, size_t host) {
    const Inside inside(namespace_of(lab.name(), lab.hosts()[host]));
    return Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Descriptor listen_on(const Lab& lab, size_t host) {
    Descriptor listener = tcp_socket(lab, host);
    const sockaddr_in address = address_of(lab, host);
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener.get(), 8), 0);
    return listener;
}

bool becomes(const Descriptor& socket, short what, int within_ms) {
    pollfd wait{socket.get(), what, 0};
    return poll(&wait, 1, within_ms) == 1;
}

// Connects a host to a listener of another.
Descriptor connect_from(const Lab& lab, size_t from, size_t to, int within_ms) {
    Descriptor client = tcp_socket(lab, from);
    const sockaddr_in address = address_of(lab, to);
    connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return becomes(client, POLLOUT, within_ms) ? std::move(client) : Descriptor();
}

TEST_F(Wan, ARoundTripTakesItsTime) {
    const Lab lab("host a\nhost b\nlink a b rtt=80ms\n");
    const Descriptor listener = listen_on(lab, 1);
    double best_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
        const auto start = Clock::now();
        const Descriptor client = connect_from(lab, 0, 1, 10'000);
        ASSERT_GE(client.get(), 0);
        best_ms = std::min(best_ms, ms_since(start));
    }
    EXPECT_GE(best_ms, 80);
    EXPECT_LT(best_ms, 160);
}

TEST_F(Wan, ALineCarriesItsRateAndNoMore) {
    constexpr size_t kBytes = 4'000'000;  // 0.8 s at 40 Mbit/s
    const Lab lab("host a up=40mbit\nhost b\nlink a b rtt=2ms\n");
    const Descriptor listener = listen_on(lab, 1);
    const Descriptor sender = connect_from(lab, 0, 1, 10'000);
    ASSERT_TRUE(becomes(listener, POLLIN, 10'000));
    const Descriptor receiver(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    std::vector<char> block(65'536);
    const auto start = Clock::now();
    for (size_t sent = 0, got = 0; got < kBytes;) {
        ASSERT_LT(ms_since(start), 30'000);
        const ssize_t more =
            send(sender.get(), block.data(), std::min(block.size(), kBytes - sent), MSG_NOSIGNAL);
        if (more > 0) sent += static_cast<size_t>(more);
        if (!becomes(receiver, POLLIN, 10)) continue;
        const ssize_t read = recv(receiver.get(), block.data(), block.size(), 0);
        if (read > 0) got += static_cast<size_t>(read);
    }
    EXPECT_GE(ms_since(start), 700) << "a queue of 50 ms is not waited for";
    EXPECT_LT(ms_since(start), 8000);
    const Stats stats = lab.stats();
    EXPECT_GE(stats.ways.at({"a", "b"}).delivered_bytes, kBytes);
    EXPECT_GT(stats.ways.at({"b", "a"}).delivered_packets, 0u);
    EXPECT_GT(stats.cpu_share, 0);
}

TEST_F(Wan, APartitionIsSilentUntilItIsHealed) {
    const Lab lab("host a\nhost b\n");
    const Descriptor listener = listen_on(lab, 1);
    lab.tell("partition a b");
    EXPECT_LT(connect_from(lab, 0, 1, 300).get(), 0);
    EXPECT_GT(lab.stats().ways.at({"a", "b"}).dropped_by_cut, 0u);
    lab.tell("heal");
    EXPECT_GE(connect_from(lab, 0, 1, 10'000).get(), 0);
}

TEST_F(Wan, AResetIsHeardAtBothEnds) {
    const Lab lab("host a\nhost b\nlink a b rtt=10ms\n");
    const Descriptor listener = listen_on(lab, 1);
    const Descriptor client = connect_from(lab, 0, 1, 10'000);
    ASSERT_TRUE(becomes(listener, POLLIN, 10'000));
    const Descriptor server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    for (const Descriptor* end : {&client, &server}) ASSERT_EQ(send(end->get(), "x", 1, MSG_NOSIGNAL), 1);
    for (const Descriptor* end : {&client, &server}) {
        char byte;
        ASSERT_TRUE(becomes(*end, POLLIN, 10'000));
        ASSERT_EQ(recv(end->get(), &byte, 1, 0), 1);
    }
    lab.tell("reset a b");
    for (const Descriptor* end : {&client, &server}) {
        char byte;
        // An acknowledgement may have been on its way: who speaks next is told.
        if (!becomes(*end, POLLIN, 500)) send(end->get(), "y", 1, MSG_NOSIGNAL);
        ASSERT_TRUE(becomes(*end, POLLIN, 10'000));
        EXPECT_LT(recv(end->get(), &byte, 1, 0), 0);
        EXPECT_EQ(errno, ECONNRESET);
    }
    EXPECT_GE(connect_from(lab, 0, 1, 10'000).get(), 0);
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
    EXPECT_FALSE(stays.finish(Millis(10'000))) << "it was killed";
    EXPECT_TRUE(next.finish(Millis(60'000)));
    EXPECT_FALSE(std::filesystem::exists("/run/netns/" + namespace_of(name, "a")));
}

}  // namespace
}  // namespace stress::wan

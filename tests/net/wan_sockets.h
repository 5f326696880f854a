// TCP between the hosts of an emulated WAN, for tests of it. Nothing here blocks for longer than it is told.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "stress/wan/netns.h"

namespace stress::wan {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kPort = 4711;
constexpr int kPatienceMs = 10'000;

inline double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Where a host of a lab is.
struct Spot {
    std::string name_space, address;
};

inline sockaddr_in address_of(const Spot& spot) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    inet_pton(AF_INET, spot.address.c_str(), &address.sin_addr);
    return address;
}

// A socket of a host that blocks in nothing.
inline Descriptor socket_at(const Spot& spot, int type = SOCK_STREAM) {
    const Inside inside(spot.name_space);
    return Descriptor(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

inline Descriptor bound_at(const Spot& spot, int type) {
    Descriptor bound = socket_at(spot, type);
    const sockaddr_in address = address_of(spot);
    const int yes = 1;  // connections of an earlier one may linger
    setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    EXPECT_EQ(bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return bound;
}

inline Descriptor listen_at(const Spot& spot) {
    Descriptor listener = bound_at(spot, SOCK_STREAM);
    EXPECT_EQ(listen(listener.get(), 8), 0);
    return listener;
}

inline bool becomes(const Descriptor& socket, short what, int within_ms) {
    pollfd wait{socket.get(), what, 0};
    return poll(&wait, 1, within_ms) == 1;
}

// Connects a host to a listener of another; -1 when it takes longer.
inline Descriptor connect_from(const Spot& from, const Spot& to, int within_ms) {
    Descriptor client = socket_at(from);
    const sockaddr_in address = address_of(to);
    connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return becomes(client, POLLOUT, within_ms) ? std::move(client) : Descriptor();
}

// -1 when nobody comes.
inline Descriptor accept_at(const Descriptor& listener) {
    if (!becomes(listener, POLLIN, kPatienceMs)) return Descriptor();
    return Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

// How long so many bytes take on a connection of their own.
inline double transfer_ms(const Spot& from, const Spot& to, size_t bytes) {
    const Descriptor listener = listen_at(to);
    const Descriptor sender = connect_from(from, to, kPatienceMs);
    const Descriptor receiver = accept_at(listener);
    EXPECT_GE(receiver.get(), 0);
    std::vector<char> block(65'536);
    const auto start = Clock::now();
    for (size_t sent = 0, got = 0; got < bytes && ms_since(start) < 3 * kPatienceMs;) {
        const ssize_t more =
            send(sender.get(), block.data(), std::min(block.size(), bytes - sent), MSG_NOSIGNAL);
        if (more > 0) sent += static_cast<size_t>(more);
        if (!becomes(receiver, POLLIN, 10)) continue;
        const ssize_t read = recv(receiver.get(), block.data(), block.size(), 0);
        if (read > 0) got += static_cast<size_t>(read);
    }
    return ms_since(start);
}

}  // namespace stress::wan

// A bare TCP client for tests: sends what it is told, as it is told, and says how the other side ends it.
// Each wait is bounded. And HTTP by it.
#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/assert.h"
#include "wire/address.h"

namespace whim::testing {

class RawClient {
public:
    explicit RawClient(const Address& to) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(to.port);
        WHIM_ASSERT(fd_ >= 0 && inet_pton(AF_INET, to.host.c_str(), &where.sin_addr) == 1);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0)
            << to_string(to);
    }
    ~RawClient() { ::close(fd_); }
    RawClient(const RawClient&) = delete;

    // False: the other side has ended it, or takes nothing for ten seconds.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            pollfd ready{fd_, POLLOUT, 0};
            if (::poll(&ready, 1, 10'000) != 1) return false;
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno == EAGAIN) continue;
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<size_t>(sent));
        }
        return true;
    }
    bool send_byte_by_byte(std::string_view bytes) {
        const int now = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
        for (const char& byte : bytes) {
            if (!send({&byte, 1})) return false;
        }
        return true;
    }
    // For whoever uses the descriptor: no send or receive blocks longer.
    void limit_waits(int seconds) {
        const timeval most{seconds, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    }
    int descriptor() const { return fd_; }
    void half_close() { ::shutdown(fd_, SHUT_WR); }

    // Everything until the other side closes or resets; nullopt when it does neither in time.
    std::optional<std::string> read_to_end(std::chrono::seconds patience = std::chrono::seconds(20)) {
        std::string got;
        const auto until = std::chrono::steady_clock::now() + patience;
        for (;;) {
            const auto left = until - std::chrono::steady_clock::now();
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
            pollfd ready{fd_, POLLIN, 0};
            if (ms <= 0 || ::poll(&ready, 1, static_cast<int>(ms)) != 1) return std::nullopt;
            char buffer[4096];
            const ssize_t bytes = ::recv(fd_, buffer, sizeof buffer, 0);
            if (bytes <= 0) return got;
            got.append(buffer, static_cast<size_t>(bytes));
        }
    }
    // At least that many bytes; fewer when the other side closes or time runs out.
    std::string read(size_t bytes, int patience_ms = 10'000) {
        std::string got;
        while (got.size() < bytes) {
            pollfd ready{fd_, POLLIN, 0};
            if (::poll(&ready, 1, patience_ms) != 1) break;
            char buffer[4096];
            const ssize_t now = ::recv(fd_, buffer, sizeof buffer, 0);
            if (now <= 0) break;
            got.append(buffer, static_cast<size_t>(now));
        }
        return got;
    }

private:
    const int fd_;
};

struct HttpAnswer {
    int status = 0;  // 0: none
    std::string head, body;
};

inline HttpAnswer parse_answer(const std::string& text) {
    const size_t end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) return {};
    return {std::atoi(text.c_str() + 9), text.substr(0, end), text.substr(end + 4)};
}

inline HttpAnswer http_exchange(const Address& to, const std::string& request) {
    RawClient client(to);
    client.send(request);
    client.half_close();
    return parse_answer(client.read_to_end().value_or(""));
}

inline HttpAnswer http_get(const Address& to, const std::string& path) {
    return http_exchange(to, "GET " + path + " HTTP/1.1\r\nHost: " + to_string(to) + "\r\n\r\n");
}

// False when it does not come true in twenty seconds.
template <class Condition> bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

}  // namespace whim::testing

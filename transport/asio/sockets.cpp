// Socket options.
#include "transport/asio/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

#include <asio/error.hpp>

#include "base/limits.h"
#include "transport/asio/send_buffer.h"
#include "transport/asio/tcp_info.h"

namespace whim {
namespace {

constexpr uint64_t kWakesPerSecond = 100;  // that can be relied on, on a busy machine

// Bytes per second. With any bound but the highest number, Linux spreads what a window lets go over the round
// trip; without, a slow start's windows leave as bursts, which queue where the path is not nearly full.
constexpr unsigned long kNoBound = 1ul << 40;

}  // namespace

// Asio 1.22 makes its sockets without SOCK_CLOEXEC. Between socket() and here a fork on another thread can
// still take the descriptor along.
void close_on_exec(int descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (flags >= 0) ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
}

void set_up(tcp::socket& socket) {
    asio::error_code ignored;  // each is a wish; the strand works without
    close_on_exec(socket.native_handle());
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(false), ignored);
    guide(socket, Congestion::by_loss);
}

void lose_when_silent(tcp::socket& socket) {
    asio::error_code ignored;
    socket.set_option(asio::socket_base::keep_alive(true),
                      ignored);  // notices it while there is nothing to send
    const auto set = [&](int option, int value) {
        ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
    };
    const auto seconds = [](Duration d) { return static_cast<int>(d.seconds()); };
#ifdef TCP_KEEPIDLE
    set(TCP_KEEPIDLE, seconds(limits::kKeepAliveIdle));
    set(TCP_KEEPINTVL, seconds(limits::kKeepAliveInterval));
    set(TCP_KEEPCNT, static_cast<int>(limits::kKeepAliveProbes));
#endif
#ifdef TCP_USER_TIMEOUT
    set(TCP_USER_TIMEOUT, static_cast<int>(limits::kStrandSilenceMax.ms()));  // while there is
#endif
}

namespace {

void bound_unsent(tcp::socket& socket, uint64_t bytes) {
#ifdef TCP_NOTSENT_LOWAT
    const int value = static_cast<int>(bytes);
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
#endif
}

}  // namespace

void keep_backlog_short(tcp::socket& socket) {
    const auto path = tcp_path_sample(socket.native_handle());
    const bool far = path && path->rtt_min >= limits::kShortPathRtt;
    if (!far) return bound_unsent(socket, limits::kUnsentBytesMax);
    pace(socket, 0);
    const std::optional<int> buffer = send_buffer_to_ask_for();
    asio::error_code ignored;
    if (buffer) socket.set_option(asio::socket_base::send_buffer_size(*buffer), ignored);
}

void guide(tcp::socket& socket, Congestion by) {
#ifdef TCP_CONGESTION
    const std::string_view name = by == Congestion::by_loss ? "cubic" : "bbr";
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                 static_cast<socklen_t>(name.size()));  // what the system refuses, it refuses
#endif
}

// What the system holds back, no other strand can send: no more than it takes to be there in time with more.
void pace(tcp::socket& socket, uint64_t bytes_per_second) {
    bound_unsent(socket, bytes_per_second == 0
                             ? limits::kUnsentBytesMax
                             : std::clamp<uint64_t>(bytes_per_second / kWakesPerSecond,
                                                    limits::kUnsentBytesMin, limits::kUnsentBytesMax));
#ifdef SO_MAX_PACING_RATE
    const unsigned long rate = bytes_per_second == 0 ? kNoBound : bytes_per_second;
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
#endif
}

Address to_address(const tcp::endpoint& endpoint) {
    const asio::ip::address address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string(), endpoint.port()};
    }
    return {address.to_string(), endpoint.port()};
}

std::string reason_of(const asio::error_code& error) {
    if (error == asio::error::eof) return "closed by the other side";
    std::string text = error.message();
    if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z')) {
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    }
    return text;
}

}  // namespace whim

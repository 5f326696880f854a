// Names, and the exchange before the first byte of the stream.
#include "transport/asio/same_host.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <asio/ip/udp.hpp>

#include "base/limits.h"

namespace whim {
namespace {

using Local = asio::local::stream_protocol;

// The leading zero byte makes it abstract.
std::string name_of(const std::string& host, uint16_t port) {
    return std::string(1, '\0') + "whimbrel/" + host + ":" + std::to_string(port);
}

std::string name_of(const tcp::endpoint& bound) {
    const bool any = bound.address().is_unspecified();
    return name_of(any ? "*" : to_address(bound).host, bound.port());
}

// Whether packets to this address stay on this machine: they would leave from the same one.
bool is_ours(const asio::ip::address& address, asio::io_context& io) {
    if (address.is_loopback()) return true;
    asio::error_code error;
    asio::ip::udp::socket probe(io);
    probe.connect({address, 9}, error);  // sends nothing
    return !error && probe.local_endpoint(error).address() == address && !error;
}

// One byte and room for one descriptor, to be sent or received.
struct DescriptorMessage {
    DescriptorMessage() {
        head.msg_iov = &content;
        head.msg_iovlen = 1;
        head.msg_control = space.data();
        head.msg_controllen = space.size();
    }
    DescriptorMessage(const DescriptorMessage&) = delete;
    DescriptorMessage& operator=(const DescriptorMessage&) = delete;

    char byte = 0;
    iovec content{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    msghdr head{};
};

bool send_descriptor(int socket, int descriptor) {
    DescriptorMessage message;
    cmsghdr* const head = CMSG_FIRSTHDR(&message.head);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
    return ::sendmsg(socket, &message.head, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

// -1: not exactly one. The kernel closes those for which there is no room, but space is aligned: two fit.
int receive_descriptor(int socket) {
    DescriptorMessage message;
    if (::recvmsg(socket, &message.head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1) return -1;
    const cmsghdr* const head = CMSG_FIRSTHDR(&message.head);
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return -1;
    int descriptor = -1;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof descriptor;
    for (size_t i = 0; i < count; ++i) {
        std::memcpy(&descriptor, CMSG_DATA(head) + i * sizeof descriptor, sizeof descriptor);
        if (count > 1) ::close(descriptor);
    }
    return count == 1 ? descriptor : -1;
}

Result<SharedMemory> receive_memory(int socket) {
    const int descriptor = receive_descriptor(socket);
    if (descriptor < 0) return fail(Code::E_PROTOCOL, "no memory came");
    auto memory = SharedMemory::adopt(descriptor);
    ::close(descriptor);
    return memory;
}

bool send_consent(int socket) { return ::send(socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1; }

}  // namespace

SameHostListener::SameHostListener(asio::io_context& io, Accepted accepted)
    : io_(io), accepted_(std::move(accepted)), acceptor_(io), pause_(io) {}

void SameHostListener::open(const tcp::endpoint& bound) {
    asio::error_code error;
    acceptor_.open(Local(), error);
    if (!error) close_on_exec(acceptor_.native_handle());
    if (!error) acceptor_.bind(Local::endpoint(name_of(bound)), error);
    if (!error) acceptor_.listen(Local::acceptor::max_listen_connections, error);
    if (!error) return accept();
    asio::error_code ignored;
    acceptor_.close(ignored);
}

void SameHostListener::close() {
    accepted_ = nullptr;
    pause_.cancel();
    asio::error_code ignored;
    acceptor_.close(ignored);
}

void SameHostListener::accept() {
    acceptor_.async_accept([self = shared_from_this()](const asio::error_code& error, Local::socket socket) {
        if (!self->accepted_) return;
        if (!error && self->guests_ < limits::kSameHostGuestsMax) self->admit(std::move(socket));
        if (!error) return self->accept();
        self->pause_.expires_after(std::chrono::nanoseconds(limits::kAcceptPause.ns));
        self->pause_.async_wait([self](const asio::error_code& cancelled) {
            if (!cancelled && self->accepted_) self->accept();
        });
    });
}

void SameHostListener::admit(RingStream::Socket socket) {
    struct Guest {
        RingStream::Socket socket;
        asio::steady_timer timer;
    };
    close_on_exec(socket.native_handle());
    const auto guest = std::make_shared<Guest>(Guest{std::move(socket), asio::steady_timer(io_)});
    ++guests_;
    guest->timer.expires_after(std::chrono::nanoseconds(limits::kSameHostAnswer.ns));
    guest->timer.async_wait([guest](const asio::error_code& cancelled) {
        asio::error_code ignored;
        if (!cancelled) guest->socket.close(ignored);
    });
    guest->socket.async_wait(
        Local::socket::wait_read, [self = shared_from_this(), guest](const asio::error_code& error) {
            --self->guests_;
            guest->timer.cancel();
            if (error || !self->accepted_) return;
            auto memory = receive_memory(guest->socket.native_handle());
            if (!memory || !send_consent(guest->socket.native_handle())) return;
            self->accepted_(
                RingStream::start(std::move(guest->socket), std::move(*memory), RingStream::Side::listener));
        });
}

SameHostDialer::SameHostDialer(asio::io_context& io, Answer answer)
    : io_(io), socket_(io), timer_(io), answer_(std::move(answer)) {}

void SameHostDialer::cancel() {
    answer_ = nullptr;
    timer_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
}

bool SameHostDialer::start(const Address& to) {
    asio::error_code no_number;
    const asio::ip::address address = asio::ip::make_address(to.host, no_number);
    if (no_number) return false;
    const tcp::endpoint exact(address, to.port);
    const bool connected =
        connect(name_of(exact)) || (is_ours(address, io_) && connect(name_of("*", to.port)));
    if (!connected || !offer()) return false;
    timer_.expires_after(std::chrono::nanoseconds(limits::kSameHostAnswer.ns));
    timer_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
        if (!cancelled) self->finish(false);
    });
    socket_.async_wait(Local::socket::wait_read, [self = shared_from_this()](const asio::error_code& error) {
        char consent = 0;
        self->finish(!error && ::recv(self->socket_.native_handle(), &consent, 1, MSG_DONTWAIT) == 1);
    });
    return true;
}

// Local connections are made at once or not at all: Asio would wait where the other side's queue is full.
bool SameHostDialer::connect(const std::string& name) {
    asio::error_code error;
    socket_.close(error);
    socket_.open(Local(), error);
    if (error) return false;
    close_on_exec(socket_.native_handle());
    socket_.non_blocking(true, error);
    const Local::endpoint to(name);
    return !error && ::connect(socket_.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0;
}

bool SameHostDialer::offer() {
    auto made = SharedMemory::make();
    if (!made) return false;
    const bool sent = send_descriptor(socket_.native_handle(), made->descriptor);
    ::close(made->descriptor);
    if (sent) memory_.emplace(std::move(made->memory));
    return sent;
}

void SameHostDialer::finish(bool agreed) {
    if (!answer_) return;
    const Answer answer = std::exchange(answer_, nullptr);
    timer_.cancel();
    asio::error_code ignored;
    if (!agreed) socket_.close(ignored);
    answer(agreed ? RingStream::start(std::move(socket_), std::move(*memory_), RingStream::Side::dialer)
                  : nullptr);
}

}  // namespace whim

// The way to a process of the same machine that is no TCP: how it is found, and how two processes come to
// share memory.
//
// Whoever listens on a TCP address also listens on an abstract Unix name made of that address, best effort.
// Such names are seen in one network namespace only, where the address means the same. A dialer tries the
// name first, sends memory it made, waits for one byte of consent, and otherwise takes TCP, which alone says
// who is refused. Anybody in the namespace may take a name; who answers is proved above, by TLS, as with TCP.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "transport/asio/ring_stream.h"
#include "transport/asio/sockets.h"

namespace whim {

class SameHostListener : public std::enable_shared_from_this<SameHostListener> {
public:
    using Accepted = std::function<void(std::shared_ptr<ByteStream>)>;
    SameHostListener(asio::io_context& io, Accepted accepted);
    void open(const tcp::endpoint& bound);  // nothing happens when the name is taken
    void close();

private:
    void accept();
    void admit(RingStream::Socket socket);

    asio::io_context& io_;
    Accepted accepted_;
    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    size_t guests_ = 0;  // connected, without memory yet
};

// One attempt. Answers once, not from inside: a stream, or null.
class SameHostDialer : public std::enable_shared_from_this<SameHostDialer> {
public:
    using Answer = std::function<void(std::shared_ptr<ByteStream>)>;
    SameHostDialer(asio::io_context& io, Answer answer);
    // False when nobody listens at a name for that address, or it is no number: then there is no answer.
    bool start(const Address& to);
    void cancel();

private:
    bool connect(const std::string& name);
    bool offer();  // memory
    void finish(bool agreed);

    asio::io_context& io_;
    RingStream::Socket socket_;
    asio::steady_timer timer_;
    Answer answer_;
    std::optional<SharedMemory> memory_;
};

}  // namespace whim

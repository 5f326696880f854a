// One dial: resolves the name when it is one, then tries what it resolved to, one after the other.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include <asio/steady_timer.hpp>

#include "transport/asio/sockets.h"
#include "transport/session/endpoint.h"

namespace whim {

class Dialer : public std::enable_shared_from_this<Dialer> {
public:
    using Connected = std::function<void(tcp::socket)>;
    using Failed = std::function<void(DialError, const std::string& detail)>;

    Dialer(asio::io_context& io, const Address& to, Connected connected, Failed failed);
    void start();   // answers once, not from inside
    void cancel();  // no answer any more

private:
    void try_next();
    void fail(const asio::error_code& error, bool timed_out);

    const Address to_;
    Connected connected_;
    Failed failed_;
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::deque<tcp::endpoint> candidates_;
    bool timed_out_ = false;
    bool done_ = false;
};

}  // namespace whim

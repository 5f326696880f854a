// One dial: resolves the name when it is one, then tries what it resolved to, one after the other. It was
// refused only when every candidate refused, for that is taken as the sign that the process is gone.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include <asio/steady_timer.hpp>

#include "transport/asio/sockets.h"
#include "transport/session/endpoint.h"

namespace whim {

class Dialer : public std::enable_shared_from_this<Dialer> {
public:
    using Connected = std::function<void(tcp::socket)>;
    using Failed = std::function<void(DialError, const std::string& detail)>;

    Dialer(asio::io_context& io, const Address& to, Connected connected, Failed failed);
    void start();                                           // answers once, not from inside
    void start_with(std::deque<tcp::endpoint> candidates);  // the same, with the name resolved already
    void cancel();                                          // no answer any more

private:
    void try_next();
    void failed_one(const asio::error_code& error);
    void fail(const asio::error_code& error, bool timed_out);

    const Address to_;
    Connected connected_;
    Failed failed_;
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::deque<tcp::endpoint> candidates_;
    struct Failure {
        asio::error_code error;
        bool timed_out = false;
    };
    std::optional<Failure> other_;  // the first failure that was no refusal
    bool timed_out_ = false;        // the candidate that is being tried
    bool done_ = false;
};

}  // namespace whim

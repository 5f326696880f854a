// One dial: resolves the name when it is one, then races what it resolved to (RFC 8305, "happy eyeballs"):
// IPv6 and IPv4 in turns, one more attempt each limits::kAttemptDelay or as soon as one fails, and the first
// that connects wins. It was refused only when every candidate refused, for that is taken as the sign that
// the process is gone.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <asio/steady_timer.hpp>

#include "transport/asio/lookup.h"
#include "transport/asio/sockets.h"
#include "transport/session/endpoint.h"

namespace whim {

class Dialer : public std::enable_shared_from_this<Dialer> {
public:
    using Connected = std::function<void(tcp::socket)>;
    using Failed = std::function<void(DialError, const std::string& cause)>;

    Dialer(asio::io_context& io, const Address& to, Connected connected, Failed failed);
    void start();                                           // answers once, not from inside
    void start_with(std::deque<tcp::endpoint> candidates);  // the same, with the name resolved already
    void cancel();                                          // no answer any more

    // The order in which they are tried: the families in turns, the first one's first, each in its own order.
    static std::deque<tcp::endpoint> interleaved(const std::deque<tcp::endpoint>& candidates);

private:
    struct Attempt {
        tcp::endpoint to;
        tcp::socket socket;
    };
    using AttemptPtr = std::shared_ptr<Attempt>;

    void try_next();  // one more, when there is one
    void connected(const AttemptPtr& attempt, const asio::error_code& error);
    void failed_one(const AttemptPtr& attempt, const asio::error_code& error);
    void fail(const asio::error_code& error);
    void close_all();

    asio::io_context& io_;
    const Address to_;
    Connected connected_;
    Failed failed_;
    std::shared_ptr<Lookup> lookup_;
    asio::steady_timer timer_;  // when the next attempt begins
    std::deque<tcp::endpoint> candidates_;
    std::vector<AttemptPtr> attempts_;       // under way
    std::optional<asio::error_code> other_;  // the first failure that was no refusal
    bool done_ = false;
};

}  // namespace whim

// A listening socket that hands over what it accepts, and outlives a shortage of descriptors.
#pragma once

#include <functional>
#include <memory>

#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>

#include "base/status.h"
#include "transport/asio/sockets.h"

namespace whim {

class Listener : public std::enable_shared_from_this<Listener> {
public:
    using Accepted = std::function<void(tcp::socket, const Address& from)>;

    Listener(asio::io_context& io, Accepted accepted);
    Result<Address> open(const Address& bind);  // then accepts
    tcp::endpoint bound() const;                // once open
    void close();

private:
    asio::error_code bind(const tcp::endpoint& to);
    void accept();

    Accepted accepted_;
    tcp::acceptor acceptor_;
    asio::steady_timer pause_;
};

}  // namespace whim

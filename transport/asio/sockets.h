// How our TCP sockets are set up, and errors in words.
#pragma once

#include <asio/ip/tcp.hpp>

#include "wire/address.h"

namespace whim {

using asio::ip::tcp;

// Programs that our process starts do not inherit the descriptor: they would keep ports and connections
// alive.
void close_on_exec(int descriptor);

// Non-blocking, not inherited, no Nagle delays, no keep-alive (heartbeats do that), a congestion control fit
// for the path.
void set_up(tcp::socket& socket);

Address to_address(const tcp::endpoint& endpoint);
std::string reason_of(const asio::error_code& error);  // lower case: "connection refused"

}  // namespace whim

// How our TCP sockets are set up, and errors in words.
#pragma once

#include <asio/ip/tcp.hpp>

#include "wire/address.h"

namespace whim {

using asio::ip::tcp;

// Programs that our process starts do not inherit the descriptor: they would keep ports and connections
// alive.
void close_on_exec(int descriptor);

// Non-blocking, not inherited, no Nagle delays, no keep-alive (see lose_when_silent), a congestion control
// fit for the path.
void set_up(tcp::socket& socket);

// For strands that carry bulk: the kernel ends a connection whose other end no longer answers, or takes
// nothing, for limits::kStrandSilenceMax, and the session layer dials it anew. Without it a strand whose path
// died (a NAT that forgot it, a link that is gone) holds its frames until the kernel gives up after a quarter
// of an hour, while the heartbeats on the control strand say that all is well. Not for control strands: there
// heartbeats notice silence, and how much of it is too much is the run's setting (suspect_after_ms, up to ten
// minutes), not the kernel's.
void lose_when_silent(tcp::socket& socket);

Address to_address(const tcp::endpoint& endpoint);
std::string reason_of(const asio::error_code& error);  // lower case: "connection refused"

}  // namespace whim

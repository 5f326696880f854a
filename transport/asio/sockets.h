// How our TCP sockets are set up, and errors in words.
#pragma once

#include <asio/ip/tcp.hpp>

#include "transport/session/path_sample.h"
#include "wire/address.h"

namespace whim {

using asio::ip::tcp;

// Programs that our process starts do not inherit the descriptor: they would keep ports and connections
// alive.
void close_on_exec(int descriptor);

// Of a connected socket: non-blocking, not inherited, no Nagle delays, no keep-alive (see lose_when_silent),
// and cubic, which costs least on short paths and whose window is open at once on long ones.
void set_up(tcp::socket& socket);

// For strands that carry bulk: the kernel ends a connection whose other end no longer answers, or takes
// nothing, for limits::kStrandSilenceMax, and the session layer dials it anew. Without it a strand whose path
// died (a NAT that forgot it, a link that is gone) holds its frames until the kernel gives up after a quarter
// of an hour, while the heartbeats on the control strand say that all is well. Not for control strands: there
// heartbeats notice silence, and how much of it is too much is the run's setting (suspect_after_ms, up to ten
// minutes), not the kernel's.
void lose_when_silent(tcp::socket& socket);

// For strands that carry bulk: the system takes little more than it can send at once, so that the next frame
// goes to the strand that will deliver it first, and what is no longer needed is not written. Over a long
// path more may be under way than the system's own bound, where it allows that; the backlog stays short.
void keep_backlog_short(tcp::socket& socket);

// by_loss: cubic; by_rate: bbr. Where the system has it not, or does not allow it, nothing changes.
void guide(tcp::socket& socket, Congestion by);

// Spreads what leaves in time; bytes per second, 0: as the congestion control likes. Linux: by TCP itself,
// whatever the queueing discipline.
void pace(tcp::socket& socket, uint64_t bytes_per_second);

Address to_address(const tcp::endpoint& endpoint);
std::string reason_of(const asio::error_code& error);  // lower case: "connection refused"

}  // namespace whim

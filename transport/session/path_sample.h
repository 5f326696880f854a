// What the system knows about one connection: for the strand controller, for failure detection, for people.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace whim {

// How a connection finds out what it may send.
enum class Congestion : uint8_t {
    by_loss,  // each loss counts as congestion: fills a path that loses nothing, and keeps little on others
    by_rate,  // by what is delivered: random losses change little
};

// Totals since the connection was made; zero where the system does not say. Linux: TCP_INFO.
struct PathSample {
    Duration rtt_min, rtt_smoothed;  // of segments
    // Of the stream, by the other side's system, also those that came before one that was lost: otherwise
    // each loss looks like a stop and a jump. Whole segments are counted, so that it can go back by a little.
    uint64_t bytes_acked = 0;
    uint64_t bytes_retransmitted = 0;  // sent again
    uint64_t bytes_unsent = 0;         // written and not yet sent: the backlog in our system
    Duration buffer_limited;           // time in which a buffer of either side held the sender back
    bool window_full = false;          // as many segments are under way as its congestion control lets
    bool loss_limited = false;         // its congestion control is by_loss

    uint64_t acked_since(uint64_t before) const { return bytes_acked - std::min(before, bytes_acked); }
};

}  // namespace whim

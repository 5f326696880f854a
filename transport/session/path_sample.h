// What the system knows about one connection: for the strand controller, for failure detection, for people.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace whim {

// Totals since the connection was made; zero where the system does not say. Linux: TCP_INFO.
struct PathSample {
    Duration rtt_min, rtt_smoothed;    // of segments
    uint64_t bytes_acked = 0;          // of the stream, by the other side's system
    uint64_t bytes_retransmitted = 0;  // sent again
    uint64_t bytes_unsent = 0;         // written and not yet sent: the backlog in our system
    Duration buffer_limited;           // time in which a buffer of either side held the sender back
    bool loss_limited =
        false;  // its congestion control takes every loss for congestion (cubic does, bbr not)
};

}  // namespace whim

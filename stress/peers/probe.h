// What other tools say of a path of an emulated WAN: ping while something runs, and iperf3 instead of it.
#pragma once

#include <optional>
#include <string>

#include "stress/process.h"

namespace stress {

// Pings from a place for as long as it lives, five times a second.
class Ping {
public:
    Ping(const Place& from, const std::string& to);
    // Ends it: the longest round trip in milliseconds, or nothing when none came back.
    std::optional<double> longest_ms();

private:
    Child ping_;
};

// The goodput of some streams in parallel from one place to another, without the seconds in which they start.
// Throws when iperf3 does not run or does not end.
double iperf_mbit(const Place& from, const Place& to, unsigned streams, unsigned seconds);

}  // namespace stress

// What one cell on an emulated WAN came to, beside what the path could have carried.
#pragma once

#include <string>
#include <vector>

#include "stress/peers/rounds.h"

namespace stress {

// The circumstances of a cell. Every host has an access line of the rate, up and down, with a queue each.
struct WanPath {
    std::string congestion_control;  // "cubic": nobody gets another. Others: the default, and programs choose
    double rate_mbit = 0, rtt_ms = 0, queue_ms = 0, loss = 0;
    double iperf_mbit = 0;  // the best of iperf3 between two hosts; 0: not measured
    unsigned iperf_streams = 0;
};

// The direct plan's time when the line is never idle: each peer sends and hears 2(N-1)/N of the bytes at what
// TCP carries of the rate, and the last result takes a round trip.
double ideal_ms(const Cell& cell, const WanPath& path);
// The same at the rate that iperf3 reached; 0 when that was not measured.
double iperf_ms(const Cell& cell, const WanPath& path);

// Whether what was measured was the network. The router needs less than this share of a core, and no ping may
// take longer than the delay and four full queues.
constexpr double kRouterShareMax = 0.8;
bool has_headroom(const WanPath& path, const Pooled& pooled);

void print_wan_table(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best);
// One object a line: docs/how-to/stress-and-simulate.md says what the fields are.
void print_wan_json(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best);

}  // namespace stress

// The circumstances of an all-reduce on an emulated WAN, and what they allow. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace stress {

// Every peer has an access line of the rate, up and down, with a queue each.
struct WanPath {
    std::string congestion_control;  // "cubic": nobody gets another. Others: the default, and programs choose
    double rate_mbit = 0, rtt_ms = 0, queue_ms = 0, loss = 0;
    double iperf_mbit = 0;  // the best of iperf3 between two hosts; 0: not measured
    unsigned iperf_streams = 0;
};

// Most that a peer sends or hears at what TCP carries of the rate, and a round trip for the last of it.
double line_ms(const WanPath& path, double bytes);
// The direct plan's time when the line is never idle: each peer sends and hears 2(N-1)/N of the bytes at what
// TCP carries of the rate, and the last result takes a round trip.
double ideal_ms(const WanPath& path, uint64_t peers, uint64_t bytes);
// The same at the rate that iperf3 reached; 0 when that was not measured.
double iperf_ms(const WanPath& path, uint64_t peers, uint64_t bytes);

// Whether what was measured was the network and not the machine: the router's share of a core is less than
// kRouterShareMax, and no ping took longer than the delay and the four queues that it passes.
constexpr double kRouterShareMax = 0.8;
bool has_headroom(const WanPath& path, double router_share, double ping_max_ms);

}  // namespace stress

// A coarse model of TCP connections that share one path, to see what the strand controller makes of paths
// without waiting for them. A step is one round trip: windows grow, are held back by buffers, meet random
// losses and a queue with an end. Two kinds of congestion control: one that takes each loss for congestion
// and grows by the cubic law (RFC 8312, with its Reno-friendly floor), and one that sends what the path
// delivered. It is no replacement for measuring on a real stack (./run wan); it is pure and runs an hour in
// milliseconds.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.h"
#include "transport/session/strand_controller.h"

namespace stress {

struct PathShape {
    double bits_per_second = 1e9;
    whim::Duration rtt = whim::milliseconds(80);
    double loss = 0;                                // of each segment, at random
    whim::Duration queue = whim::milliseconds(50);  // of the bottleneck, at its rate
    uint64_t buffer_bytes = 4u << 20;               // the most one connection may have under way
    bool loss_based = true;
};

class PathModel {
public:
    PathModel(const PathShape& shape, uint64_t seed) : shape_(shape), prng_(seed) {}

    // One round trip with so many connections, all with more to send than they can.
    whim::StrandReading step(uint32_t strands);
    whim::Duration step_time() const { return rtt_; }

    // What the path carries at most, in bytes per second.
    double capacity() const { return shape_.bits_per_second / 8; }

private:
    struct Connection {
        double window = 10, threshold = 1e12, top = 0;  // segments
        double since_loss = 0;                          // seconds
    };
    void grow(Connection& connection) const;
    void lose(Connection& connection) const;

    const PathShape shape_;
    whim::Prng prng_;
    whim::Duration rtt_ = shape_.rtt;
    std::vector<Connection> connections_;
};

// The controller on such a path for so long: what it delivered in each second, in bytes.
struct Convergence {
    std::vector<double> rate;       // by second
    std::vector<uint32_t> strands;  // at the end of each
    double capacity = 0;
};
Convergence converge(const PathShape& shape, uint64_t seed, uint32_t seconds, uint32_t strands_max);

// The same with a number that stays.
double fixed_rate(const PathShape& shape, uint64_t seed, uint32_t seconds, uint32_t strands);

}  // namespace stress

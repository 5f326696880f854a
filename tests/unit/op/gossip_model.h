// A world for GossipOp alone: n peers of one op, messages in order for each pair, bulk frames in any order,
// peers that post late, die, leave, run out of time, and views that each learns of when it will. Every step
// is drawn from one seed. The judge runs the reference (gossip_reference.h) with what the ops report.
#pragma once

#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/plant.h"
#include "collectives/plan/graph.h"

namespace whim::op {

struct GossipModelOptions {
    uint64_t seed = 1;
    gossip::GraphSpec graph;
    uint32_t steps = 3;
    uint64_t first_step = 0;
    bool chebyshev = false;
    uint64_t elements = 20;
    uint32_t chunk_elements = 3;
    Dtype dtype = Dtype::f32;
    std::string codec = "";  // of f32: chunks are then multiples of 16
    bool in_place = false;
    uint32_t deaths = 0, leavers = 0, late = 0, abstainers = 0;  // late: ends when its budget is over
    uint64_t held_bytes = 64, eager_bytes = 16;
    uint64_t retain_bytes_max = 1u << 20;
    Plant plant = Plant::none;
    bool trace = false;
};

struct GossipModelOutcome {
    std::string problem;                               // "" when all promises held
    uint64_t steps_without = 0;                        // mixes that lacked a neighbour
    uint64_t frames_early = 0;                         // that came before the op was called
    std::vector<std::vector<double>> inputs, results;  // by rank; result empty: ended without one
};

GossipModelOutcome run_gossip_model(const GossipModelOptions& options);

}  // namespace whim::op

// What a plan would do on modelled links: pieces that travel over the trees while paths and access lines are
// shared. Deterministic; for tests, benchmarks and the command, as
// "simulated time", and where forecasts are too close to each other to tell.
//
// The model. A part is cut into equal pieces. A node sends a piece to its parent once the same piece of all
// its children has arrived; the root sends the result of a piece as soon as it has all. On each pair one
// piece is under way at a time, the earliest in its part of those that are ready; it takes a delay of half a
// round trip more. What is under way shares lines max-min fairly, as many connections do, and no path carries
// more than its rate. Processors cost nothing.
#pragma once

#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"
#include "collectives/plan/work.h"

namespace whim::plan {

struct SimulateOptions {
    uint32_t pieces_max = 16;  // of one part, which has pieces_of() if these are fewer
};

// Seconds until the last result has arrived. The plan has passed check().
double simulate(const Plan& plan, const Net& net, const Work& work, const SimulateOptions& options = {});

}  // namespace whim::plan

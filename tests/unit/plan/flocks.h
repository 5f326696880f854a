// Flocks and plans that tests of planning share.
#pragma once

#include "base/prng.h"
#include "collectives/plan/check_plan.h"
#include "collectives/plan/planner.h"
#include "stress/random_flock.h"

namespace whim::plan {

inline Links even_flock(uint32_t members, uint64_t rate, uint32_t rtt_us) {
    Links links(members);
    for (uint32_t a = 0; a < members; ++a) {
        links.member(a) = {rate, rate, 0};
        for (uint32_t b = 0; b < members; ++b)
            if (a != b) links.pair(a, b).rtt_us = rtt_us;
    }
    return links;
}

inline Work work_of(uint64_t bytes) {
    Work work;
    work.bytes = bytes;
    return work;
}

// Two regions of two over a thin path, three parts of all shapes, and a relay.
inline Plan plan_of_all_shapes() {
    Plan plan;
    plan.kind = Kind::forest;
    plan.members = 4;
    plan.parts = {{kShares / 2, 0, Shape::trees, 0, 1},
                  {kShares / 4, 2, Shape::star, 0, 0},
                  {kShares / 4, 3, Shape::ring, 2, 2}};
    plan.tables = {{0, 0, 1, 2}, {0, 0, 0, 2}, {1, 3, 0, 2}};
    plan.relays = {{1, 3, 0}};
    return plan;
}

}  // namespace whim::plan

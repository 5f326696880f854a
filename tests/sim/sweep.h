// Many seeds in worker processes: each takes the next seed from a shared counter, so that a crash or a hang
// costs one worker and names its seed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/simulation.h"

namespace whim::sim {

struct SeedViolation {
    uint64_t seed = 0;
    std::string what;
};

struct SweepOptions {
    uint64_t first = 1, last = 1;
    uint32_t jobs = 1;
    Plant plant = Plant::none;
    std::optional<Profile> profile;
    bool twice = false;                               // each seed runs twice and must give the same hash
    uint64_t violations_max = 10;                     // then the sweep ends
    std::function<void(const SeedViolation&)> found;  // told of each at once
};

struct SweepResult {
    std::vector<SeedViolation> violations;  // by seed
    Coverage coverage;
    double median_ms = 0, longest_ms = 0;  // of processor time, by seed
    uint64_t longest_seed = 0;
};

SweepResult sweep(const SweepOptions& options);

}  // namespace whim::sim

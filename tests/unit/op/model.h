// A world for Op alone: n peers of one op, a queue of messages per pair, bulk frames in any order, and an
// oracle that removes members, some because others ask for it. No links: every step is drawn from one seed,
// and takes a while, so a failure is a seed.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "collectives/op/op.h"
#include "tests/unit/op/worlds.h"

namespace whim::op {

struct ModelOptions {
    uint64_t seed = 1;
    uint32_t peers = 4;
    uint64_t elements = 40;
    bool gaussian = false;  // inputs; else uniform in [-1, 2)
    uint32_t chunk_elements = 3;
    Reduce reduce = Reduce::avg;  // of all_gather: copy
    uint32_t source = 0;          // of copy in an all_reduce: whose input it is
    Collective collective = Collective::all_reduce;
    std::vector<uint64_t> parts = {};  // of the others; elements is their sum
    Dtype dtype = Dtype::f32;
    std::shared_ptr<const plan::Plan> plan = nullptr;  // of all_reduce, with trees
    std::string codec = {};        // "": none; then of f32, sum, avg or custom; also custom_parts.h's
    ReducerPtr reducer = nullptr;  // of Reduce::custom
    bool uniform = false;
    bool in_place = false;
    bool tensors = false;     // the buffers of an all_reduce are cut into tensors that lie apart
    uint32_t abstainers = 0;  // of five, about
    uint32_t deaths = 0;
    uint32_t exclusions = 0;
    uint32_t min_contributors = 1;
    Duration grace{};
    std::optional<uint32_t> crawler = {};  // a rank whose bulk frames, in and out, come seldom
    struct Removal {
        uint32_t step = 0, rank = 0;
        bool evicts = true;  // else it is left out
    };
    std::optional<Removal> removal = {};  // besides those by chance
    uint64_t window_bytes = 24;
    uint64_t eager_bytes = 16;
    uint64_t retain_bytes_max = 1u << 20;
    Plant plant = Plant::none;
    bool trace = false;  // print every delivery

    bool crawls(uint32_t from, uint32_t to) const { return crawler == from || crawler == to; }
};

struct ModelOutcome {
    bool finished = true;                    // every living, not excluded peer completed
    std::string problem;                     // "" when all promises held
    std::vector<std::vector<float>> inputs;  // by rank
    std::vector<float> result;
    uint32_t steps = 0;
    uint32_t chunks_adopted = 0, retained = 0, refolded = 0, resent = 0;
    uint32_t by_trees = 0, direct = 0;  // chunks, by peers, as their bits tell; where both are alike by_trees
    uint32_t without_slow = 0, left_out = 0;  // chunks folded without a living member; members left out
};

// A small all-reduce of so many peers, with nothing to go wrong yet.
ModelOptions draw_small(Prng& prng, uint64_t seed, uint32_t peers_min, uint32_t peers_max);

ModelOutcome run_model(const ModelOptions& options);

}  // namespace whim::op

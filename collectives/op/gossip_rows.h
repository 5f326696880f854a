// What one member does in each step of a gossip op: whom it mixes by what weights, and how far each step
// goes. Pure functions of what all members agreed on.
//
// Weights are those of the graph of the step among all members of the round the op was born in, whoever dies:
// each end of an edge then gives it the same weight without a word, whatever it knows of others. A neighbour
// whose data a step does not have leaves its weight to the peer itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "collectives/plan/graph.h"
#include "wire/values.h"

namespace whim::op {

class GossipRows {
public:
    struct Row {
        std::vector<Rank> from;  // ascending
        std::vector<float> weights;
        bool has(Rank rank) const;
    };

    // spec is valid, and self one of its members; 1 to limits::kGossipStepsMax steps.
    GossipRows(const gossip::GraphSpec& spec, const wire::GossipTerms& terms, Rank self);

    uint32_t steps() const { return steps_; }
    bool changes() const { return rows_.size() > 1; }  // from step to step
    const Row& row(uint32_t step) const { return rows_[changes() ? step : 0]; }
    float omega(uint32_t step) const { return omegas_[step]; }        // Chebyshev's, 1 in plain steps
    std::span<const Rank> neighbours() const { return neighbours_; }  // of any step, ascending

private:
    uint32_t steps_;
    std::vector<Row> rows_;
    std::vector<float> omegas_;
    std::vector<Rank> neighbours_;
};

// Payloads of one chunk that a member may have to hold for its neighbours' sake, at most: of this step and
// the next, or of each step where neighbours change.
uint64_t gossip_frames_max(const gossip::GraphSpec& spec, uint32_t steps);

// A number that tells lists of edges apart.
uint64_t edges_digest(std::span<const gossip::GraphEdge> edges);

}  // namespace whim::op
